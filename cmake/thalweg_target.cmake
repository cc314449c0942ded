# Compiler and linker options, in one place. Functions: thalweg_target, thalweg_kernel_objects, thalweg_library,
# thalweg_executable.

# Options every target of ours shares.
function(thalweg_target target)
  target_compile_features(${target} PUBLIC cxx_std_20)
  target_include_directories(${target} PUBLIC "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/cpp>")
  set_target_properties(${target} PROPERTIES CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON
                                             POSITION_INDEPENDENT_CODE ON)
  target_compile_options(
    ${target}
    PRIVATE -Wall
            -Wextra
            $<$<BOOL:${THALWEG_WERROR}>:-Werror>
            # One section per function: the linker drops what nobody calls.
            -ffunction-sections
            -fdata-sections
            $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>  # false alarms of g++ 12 on string operators
            # Paths in messages do not depend on where the tree lies (and compiler caches hit).
            "-fmacro-prefix-map=${PROJECT_SOURCE_DIR}/="
            $<$<CONFIG:Release>:-g0>)
  target_link_options(${target} PRIVATE -Wl,--gc-sections -Wl,--as-needed -Wl,-z,defs)
  if(THALWEG_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${THALWEG_SANITIZE} -fno-omit-frame-pointer -g1
                                             -fno-sanitize-recover=undefined)
    # The sanitizer's runtime comes from the executable (or LD_PRELOAD), so that -z defs cannot hold.
    target_link_options(${target} PRIVATE -fsanitize=${THALWEG_SANITIZE} -Wl,-z,undefs)
  endif()
endfunction()

# Objects of CPU kernels compiled with `flags` for one instruction set.
function(thalweg_kernel_objects target flags)
  thalweg_target(${target})
  target_link_libraries(${target} PRIVATE $<BUILD_INTERFACE:thalweg_eigen>)
  # Neither flag changes a value: they say that nobody reads errno or the floating-point exception flags.
  # Under a sanitizer -O3 takes g++ minutes and a gigabyte per file.
  set(level -O3)
  if(THALWEG_SANITIZE)
    set(level -O1)
    # Eigen's decompositions take a sanitizing compiler many minutes and gigabytes.
    set_source_files_properties("${PROJECT_SOURCE_DIR}/cpp/thalweg/kernels/linalg_decompose.cpp"
                                "${PROJECT_SOURCE_DIR}/cpp/thalweg/kernels/linalg_svd.cpp"
                                PROPERTIES COMPILE_OPTIONS -fno-sanitize=all)
  endif()
  target_compile_options(${target} PRIVATE ${level} -fno-math-errno -fno-trapping-math
                                           -Wno-psabi ${flags})
endfunction()

# A shared library of `objects` beside the Python package in the build tree; its static twin if THALWEG_STATIC.
function(thalweg_library target objects)
  add_library(${target} SHARED $<TARGET_OBJECTS:${objects}>)
  thalweg_target(${target})
  target_include_directories(${target} INTERFACE "$<INSTALL_INTERFACE:include>")
  set_target_properties(
    ${target}
    PROPERTIES LINKER_LANGUAGE CXX
               LIBRARY_OUTPUT_DIRECTORY "${THALWEG_PACKAGE_DIR}/lib"
               INSTALL_RPATH "$ORIGIN"
               BUILD_WITH_INSTALL_RPATH ON)
  if(THALWEG_STATIC)
    add_library(${target}_static STATIC $<TARGET_OBJECTS:${objects}>)
    thalweg_target(${target}_static)
    target_include_directories(${target}_static INTERFACE "$<INSTALL_INTERFACE:include>")
    set_target_properties(${target}_static PROPERTIES LINKER_LANGUAGE CXX OUTPUT_NAME ${target}
                                                      ARCHIVE_OUTPUT_DIRECTORY "${CMAKE_CURRENT_BINARY_DIR}/lib")
  endif()
endfunction()

# A test or benchmark linked to the shared libraries.
function(thalweg_executable target)
  add_executable(${target} ${ARGN})
  thalweg_target(${target})
  target_link_libraries(${target} PRIVATE thalweg_kernels thalweg)
endfunction()
