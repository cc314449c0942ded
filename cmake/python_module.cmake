# thalweg._core, and a package directory in the build tree that imports without an installation.
include(pybind11)
file(GLOB binding_sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/python/bindings/*.cpp")
if(binding_sources)
  pybind11_add_module(_core MODULE NO_EXTRAS ${binding_sources})
  thalweg_target(_core)
  target_compile_options(_core PRIVATE $<$<CONFIG:Release>:-O2>)
  target_link_options(_core PRIVATE -Wl,-z,undefs)  # CPython's symbols come from the interpreter
  target_link_libraries(_core PRIVATE thalweg_kernels thalweg)
  set_target_properties(_core PROPERTIES LIBRARY_OUTPUT_DIRECTORY "${THALWEG_PACKAGE_DIR}"
                                         INSTALL_RPATH "$ORIGIN/lib" BUILD_WITH_INSTALL_RPATH ON)
endif()

add_custom_target(
  thalweg_python ALL
  COMMAND "${CMAKE_COMMAND}" "-DSOURCE=${CMAKE_CURRENT_SOURCE_DIR}/python/thalweg" "-DPACKAGE=${THALWEG_PACKAGE_DIR}" -P
          "${CMAKE_CURRENT_SOURCE_DIR}/cmake/link_package.cmake"
  VERBATIM)
