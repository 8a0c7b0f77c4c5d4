#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
#
# libheadwise_cuda.so by this machine's nvcc for this machine's card alone, without CMake: it needs none of headwise's own
# libraries. CUDA_ARCHITECTURE=90 where nvidia-smi is not there to be asked.
#
#     bench/gpu/build_library.sh OUT.so
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
architecture=${CUDA_ARCHITECTURE:-$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader | head -n 1 | tr -d .)}
objects=$(mktemp -d)
trap 'rm -rf "$objects"' EXIT
# Wheels of cuBLAS and cudart, where the toolkit has none.
flags=()
IFS=: read -r -a folders <<< "${LD_LIBRARY_PATH-}"
for folder in "${folders[@]}"; do
  [ -d "$folder" ] || continue
  flags+=(-L "$folder")
  [ ! -f "$folder/../include/cublasLt.h" ] || flags+=(-I "$folder/../include")
done
library() { for folder in "${folders[@]}" /usr/local/cuda/lib64; do ls "$folder/$1" "$folder/$1".* 2> /dev/null || true; done | head -n 1; }
for name in launch products table; do
  nvcc -std=c++20 -O3 -gencode "arch=compute_$architecture,code=sm_$architecture" -diag-suppress 128 --extended-lambda \
    -Xcompiler -fPIC,-fvisibility=hidden -I "$root/src" -I "$root/include" ${flags[@]+"${flags[@]}"} \
    -c "$root/src/decoder/cuda/library/$name.cu" -o "$objects/$name.o" &
done
for job in $(jobs -p); do wait "$job"; done
nvcc -shared -cudart shared ${flags[@]+"${flags[@]}"} "$objects"/*.o "$(library libcublasLt.so)" -o "$1"
