# The GPU's kernels compiled for the host: cuda_on_host_test tries them one by one, and gpu_on_host.so is a plugin with a
# device GPU:0 for tests/test_cuda.py.
add_library(cuda_on_host STATIC cuda_on_host.cpp)
thalweg_target(cuda_on_host)
target_include_directories(cuda_on_host PUBLIC "${CMAKE_CURRENT_SOURCE_DIR}" "${PROJECT_SOURCE_DIR}")
target_link_libraries(cuda_on_host_test PRIVATE cuda_on_host)

file(GLOB kernels CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/cuda/*.cu")
list(FILTER kernels EXCLUDE REGEX "/probe\\.cu$")
set_source_files_properties(${kernels} PROPERTIES LANGUAGE CXX)
add_library(gpu_on_host MODULE gpu_on_host.cpp "${PROJECT_SOURCE_DIR}/cuda/families.cpp" ${kernels})
thalweg_target(gpu_on_host)
target_compile_options(gpu_on_host PRIVATE -O1)
target_link_libraries(gpu_on_host PRIVATE cuda_on_host thalweg)
set_target_properties(gpu_on_host PROPERTIES PREFIX "")
