# What a wheel and `cmake --install` carry: libraries, headers, the CMake package, and in a wheel the Python module.
include(CMakePackageConfigHelpers)

set_target_properties(thalweg_kernels PROPERTIES EXPORT_NAME kernels)
set(exported thalweg thalweg_kernels)
if(THALWEG_STATIC)
  target_link_libraries(thalweg_static PRIVATE ${CMAKE_DL_LIBS} Threads::Threads)
  target_link_libraries(thalweg_kernels_static PUBLIC thalweg_static)
  set_target_properties(thalweg_kernels_static PROPERTIES EXPORT_NAME kernels_static)
  list(APPEND exported thalweg_static thalweg_kernels_static)
endif()
install(TARGETS ${exported} EXPORT thalwegTargets LIBRARY DESTINATION lib ARCHIVE DESTINATION lib)
if(THALWEG_CPU_VARIANTS)
  install(TARGETS thalweg_kernels_v2 thalweg_kernels_v3 thalweg_kernels_v4 LIBRARY DESTINATION lib)
endif()
install(EXPORT thalwegTargets NAMESPACE thalweg:: DESTINATION lib/cmake/thalweg)
# The build tree is a package too: find_package(thalweg) works there as it does after an installation.
set(package "${THALWEG_PACKAGE_DIR}/lib/cmake/thalweg")
export(EXPORT thalwegTargets NAMESPACE thalweg:: FILE "${package}/thalwegTargets.cmake")
# Inside the build tree the targets have the names a user of the package sees.
add_library(thalweg::thalweg ALIAS thalweg)
add_library(thalweg::kernels ALIAS thalweg_kernels)

# Kernels' own headers stay at home: they need Eigen and the right instruction set.
install(DIRECTORY cpp/thalweg DESTINATION include FILES_MATCHING PATTERN "*.h" PATTERN "kernels" EXCLUDE
        PATTERN "num/vec.h" EXCLUDE)
install(FILES cpp/thalweg/kernels/families.h DESTINATION include/thalweg/kernels)

configure_package_config_file(cmake/thalwegConfig.cmake.in "${package}/thalwegConfig.cmake"
                              INSTALL_DESTINATION lib/cmake/thalweg)
write_basic_package_version_file("${package}/thalwegConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
configure_file(cmake/thalwegAddOps.cmake "${package}/thalwegAddOps.cmake" COPYONLY)
install(FILES "${package}/thalwegConfig.cmake" "${package}/thalwegConfigVersion.cmake" "${package}/thalwegAddOps.cmake"
        DESTINATION lib/cmake/thalweg)

if(TARGET _core AND SKBUILD)
  install(TARGETS _core LIBRARY DESTINATION .)  # in a wheel the prefix is the package directory
endif()
