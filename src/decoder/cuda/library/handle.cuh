// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: one open device of libheadwise_cuda.so: its streams, events and cuBLASLt handle.
#pragma once

#include <cublasLt.h>
#include <cuda_runtime.h>

#include <map>
#include <string>
#include <tuple>

#include "decoder/cuda/device_table.h"

namespace headwise::device {

// What a product's algorithm is chosen by: everything but its rows, so that the number of rows does not
// change the order of its sums.
using ProductKey = std::tuple<int64_t, int64_t, int, int>;  // outputs, inputs, type, out type

struct Handle {
  int ordinal = 0;
  Info info{};
  cudaStream_t streams[kStreams]{};
  cudaEvent_t events[kEvents]{};
  cublasLtHandle_t products = nullptr;
  void* workspace = nullptr;
  std::map<ProductKey, cublasLtMatmulAlgo_t> algorithms;
  std::string message;
};

// Keeps what went wrong and says what it means.
Outcome outcome_of(Handle& handle, cudaError_t error, const char* doing);
Outcome failed(Handle& handle, std::string message);

// products.cu: cuBLASLt behind DeviceTable::product.
Outcome multiply(Handle* handle, int stream, const ProductArgs* args);
inline constexpr uint64_t kWorkspaceBytes = 32ull << 20;
// launch.cu: the operations.
Outcome launch(Handle* handle, int stream, int operation, NumberType type, const void* args, uint64_t bytes);

}  // namespace headwise::device
