// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The operations' bodies on a device's threads.
#include <string>

#include "decoder/cuda/library/handle.cuh"
#include "decoder/cuda/ops/operations.cuh"

namespace headwise::device {
namespace {

extern __shared__ __align__(128) unsigned char block_memory[];

class DeviceGroup {
 public:
  __device__ int64_t thread() const { return threadIdx.x; }
  __device__ int64_t threads() const { return blockDim.x; }
  __device__ int64_t warp() const { return threadIdx.x / 32; }
  __device__ int64_t warps() const { return blockDim.x / 32; }
  __device__ int64_t lane() const { return threadIdx.x % 32; }
  __device__ int64_t lanes() const { return 32; }
  __device__ void sync() const { __syncthreads(); }
  __device__ float lane_sum(float value) const {
    for (int step = 16; step > 0; step /= 2) value += __shfl_xor_sync(~0u, value, step);
    return value;
  }
  __device__ float lane_max(float value) const {
    for (int step = 16; step > 0; step /= 2) value = larger(value, __shfl_xor_sync(~0u, value, step));
    return value;
  }
  __device__ void* shared() const { return block_memory; }
};

template <typename Body>
__global__ void __launch_bounds__(Body::kThreads) run_body(Body body) {
  body.run(static_cast<int64_t>(blockIdx.x), DeviceGroup{});
}

constexpr int64_t kMostBlocks = (1ll << 31) - 1;

}  // namespace

Outcome launch(Handle* handle, int stream, int operation, NumberType type, const void* args, uint64_t bytes) {
  cudaError_t error = cudaSetDevice(handle->ordinal);
  bool too_large = false;
  const bool known = visit_operation(operation, type, args, bytes, [&](const auto& body) {
    using Body = std::decay_t<decltype(body)>;
    const int64_t blocks = body.blocks();
    const auto shared = static_cast<size_t>(body.shared());
    too_large = blocks > kMostBlocks || shared > static_cast<size_t>(handle->info.shared_memory);
    if (error != cudaSuccess || too_large || blocks == 0) return;
    if (shared > 48 * 1024) {
      error = cudaFuncSetAttribute(run_body<Body>, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                   static_cast<int>(shared));
      if (error != cudaSuccess) return;
    }
    run_body<Body><<<static_cast<unsigned>(blocks), Body::kThreads, shared, handle->streams[stream]>>>(body);
    error = cudaGetLastError();
  });
  if (!known)
    return failed(*handle, "operation " + std::to_string(operation) + " is not one of this library's");
  if (too_large)
    return failed(*handle, "operation " + std::to_string(operation) + " is too large for one launch");
  return outcome_of(*handle, error, "starting an operation");
}

}  // namespace headwise::device
