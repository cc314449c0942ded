# THALWEG_CPU_FLAGS: the -march flag of the kernels. Levels, never -march=native: g++ 12 mistunes on newer processors.
set(THALWEG_CPU_FLAGS "")
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
  set(level "${THALWEG_CPU_LEVEL}")
  if(level STREQUAL "native")
    if(NOT DEFINED THALWEG_NATIVE_LEVEL)
      set(found x86-64-v2)
      if(NOT CMAKE_CROSSCOMPILING)
        file(WRITE "${CMAKE_CURRENT_BINARY_DIR}/cpu_level/main.cpp" [[
#include <cstdio>
int main() {
  __builtin_cpu_init();
  std::puts(__builtin_cpu_supports("x86-64-v4") ? "x86-64-v4" : __builtin_cpu_supports("x86-64-v3") ? "x86-64-v3" : "x86-64-v2");
}
]])
        try_run(ran compiled "${CMAKE_CURRENT_BINARY_DIR}/cpu_level" "${CMAKE_CURRENT_BINARY_DIR}/cpu_level/main.cpp"
                RUN_OUTPUT_VARIABLE output)
        if(compiled AND ran EQUAL 0)
          string(STRIP "${output}" found)
        endif()
      endif()
      set(THALWEG_NATIVE_LEVEL "${found}" CACHE INTERNAL "The level of the machine that configured")
    endif()
    set(level "${THALWEG_NATIVE_LEVEL}")
  endif()
  if(NOT level MATCHES "^x86-64-v[234]$")
    message(FATAL_ERROR "THALWEG_CPU_LEVEL: expected native or x86-64-v2, -v3, -v4, got '${THALWEG_CPU_LEVEL}'")
  endif()
  set(THALWEG_CPU_FLAGS "-march=${level}")
  message(STATUS "CPU kernels for ${level}")
endif()
