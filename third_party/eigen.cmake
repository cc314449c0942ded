# Eigen >= 3.4, headers only: PyPI's cmeel-eigen, a system package, or Eigen3_DIR. Used inside kernels, never installed.
find_package(Python 3.10 QUIET COMPONENTS Interpreter)
if(Python_EXECUTABLE)
  # cmeel puts its files below site-packages/cmeel.prefix, where no build backend tells CMake to look.
  execute_process(
    COMMAND "${Python_EXECUTABLE}" -c
            "import importlib.metadata as m; print(m.distribution('cmeel-eigen').locate_file('cmeel.prefix'))"
    OUTPUT_VARIABLE cmeel_prefix OUTPUT_STRIP_TRAILING_WHITESPACE
    RESULT_VARIABLE cmeel_missing ERROR_QUIET)
  if(NOT cmeel_missing)
    set(eigen_hint "${cmeel_prefix}/share/eigen3/cmake")
  endif()
endif()
if(Eigen3_DIR AND NOT EXISTS "${Eigen3_DIR}/Eigen3Config.cmake")
  unset(Eigen3_DIR CACHE)  # an isolated build environment that is gone
endif()
find_package(Eigen3 3.4 CONFIG QUIET HINTS ${eigen_hint})
if(NOT Eigen3_FOUND)
  message(FATAL_ERROR "Eigen 3.4 not found: pip install cmeel-eigen, or install libeigen3-dev, or set Eigen3_DIR")
endif()
get_target_property(eigen_include Eigen3::Eigen INTERFACE_INCLUDE_DIRECTORIES)
add_library(thalweg_eigen INTERFACE)
target_include_directories(thalweg_eigen SYSTEM INTERFACE ${eigen_include})
# Without this a loop inside Eigen may start OpenMP or print; MPL2-only keeps LGPL files out.
target_compile_definitions(thalweg_eigen INTERFACE EIGEN_MPL2_ONLY EIGEN_DONT_PARALLELIZE EIGEN_NO_IO)
