# Python's headers and pybind11 >= 3 of the interpreter in use.
find_package(Python 3.10 COMPONENTS Interpreter Development.Module)
if(NOT Python_Development.Module_FOUND)
  message(FATAL_ERROR "Python 3.10 or later with its headers not found (Debian: apt install python3-dev). "
                      "C++ only: -DTHALWEG_PYTHON=OFF")
endif()
execute_process(COMMAND "${Python_EXECUTABLE}" -m pybind11 --cmakedir OUTPUT_VARIABLE pybind11_hint
                OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
if(pybind11_DIR AND NOT EXISTS "${pybind11_DIR}/pybind11Config.cmake")
  unset(pybind11_DIR CACHE)
endif()
find_package(pybind11 3.0 CONFIG QUIET HINTS ${pybind11_hint})
if(NOT pybind11_FOUND)
  message(FATAL_ERROR "pybind11 3 not found: ${Python_EXECUTABLE} -m pip install pybind11")
endif()
