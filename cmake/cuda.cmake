# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors

# libheadwise_cuda.so: what the CUDA backend runs on a card (src/decoder/cuda/library, src/decoder/cuda/ops), with -DHEADWISE_CUDA=ON.
# Loaded by `--device cuda` alone: neither library nor program link to it. It needs nvcc 12.8 or newer, cudart and cuBLASLt, and no
# card: a toolkit that is installed, or what scripts/fetch_cuda.py lays down. nvcc is called by hand: CMake's own support of the
# language compiles and links four programs to try it, which takes a minute.
set(HEADWISE_CUDA_ROOT "" CACHE PATH "A CUDA toolkit to use: bin/nvcc, include, lib or lib64")
set(HEADWISE_CUDA_ARCHITECTURES "80;90;100" CACHE STRING "Compute capabilities, without the point, that kernels are compiled for")

set(roots ${HEADWISE_CUDA_ROOT} ${PROJECT_SOURCE_DIR}/build/cuda/nvidia/cu13)
find_program(HEADWISE_NVCC nvcc HINTS ${roots} PATHS /usr/local/cuda PATH_SUFFIXES bin)
find_path(HEADWISE_CUDA_INCLUDE cublasLt.h HINTS ${roots} PATHS /usr/local/cuda PATH_SUFFIXES include targets/x86_64-linux/include)
find_library(HEADWISE_CUDART NAMES libcudart.so.13 libcudart.so HINTS ${roots} PATHS /usr/local/cuda PATH_SUFFIXES lib lib64 NO_DEFAULT_PATH)
find_library(HEADWISE_CUBLASLT NAMES libcublasLt.so.13 libcublasLt.so HINTS ${roots} PATHS /usr/local/cuda PATH_SUFFIXES lib lib64
             NO_DEFAULT_PATH)
foreach(part NVCC CUDA_INCLUDE CUDART CUBLASLT)
  if(NOT HEADWISE_${part})
    message(FATAL_ERROR "HEADWISE_${part} not found: run scripts/fetch_cuda.py, or point HEADWISE_CUDA_ROOT at a CUDA toolkit")
  endif()
endforeach()

set(architectures)
foreach(architecture ${HEADWISE_CUDA_ARCHITECTURES})
  list(APPEND architectures -gencode arch=compute_${architecture},code=sm_${architecture})
endforeach()
set(folder ${PROJECT_SOURCE_DIR}/src/decoder/cuda)
file(GLOB headers ${folder}/*.h ${folder}/*/*.cuh)
set(objects)
foreach(name launch products table)
  set(object ${PROJECT_BINARY_DIR}/cuda/${name}.o)
  add_custom_command(
    OUTPUT ${object}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${PROJECT_BINARY_DIR}/cuda
    COMMAND ${HEADWISE_NVCC} -std=c++20 -O3 ${architectures} -ccbin ${CMAKE_CXX_COMPILER} -diag-suppress 128 --extended-lambda
            -Xcompiler -fPIC,-fvisibility=hidden -I ${PROJECT_SOURCE_DIR}/src -I ${PROJECT_SOURCE_DIR}/include
            -I ${HEADWISE_CUDA_INCLUDE} -c ${folder}/library/${name}.cu -o ${object}
    DEPENDS ${folder}/library/${name}.cu ${headers} ${PROJECT_SOURCE_DIR}/src/base/tensor.h
    COMMENT "Compiling ${name}.cu for ${HEADWISE_CUDA_ARCHITECTURES}"
    VERBATIM)
  list(APPEND objects ${object})
endforeach()
add_library(headwise_cuda SHARED ${objects})
set_target_properties(headwise_cuda PROPERTIES LINKER_LANGUAGE CXX LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}
                                               INSTALL_RPATH "$ORIGIN/../nvidia/cu13/lib")
target_link_libraries(headwise_cuda PRIVATE ${HEADWISE_CUDART} ${HEADWISE_CUBLASLT})
target_link_options(headwise_cuda PRIVATE -Wl,--no-undefined)
install(TARGETS headwise_cuda LIBRARY DESTINATION lib/headwise COMPONENT cuda)
