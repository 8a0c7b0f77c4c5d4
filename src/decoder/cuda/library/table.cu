// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The table that libheadwise_cuda.so hands out, by the CUDA runtime.
#include <cstdio>
#include <memory>
#include <string>
#include <utility>

#include "decoder/cuda/library/handle.cuh"

namespace headwise::device {

Outcome failed(Handle& handle, std::string message) {
  handle.message = std::move(message);
  return kFailed;
}

Outcome outcome_of(Handle& handle, cudaError_t error, const char* doing) {
  if (error == cudaSuccess) return kDone;
  handle.message = std::string(doing) + ": " + cudaGetErrorString(error);
  switch (error) {
    case cudaErrorMemoryAllocation:
      cudaGetLastError();  // it does not stick
      return kOutOfMemory;
    case cudaErrorInsufficientDriver:
    case cudaErrorSystemDriverMismatch:
    case cudaErrorCompatNotSupportedOnDevice:
      return kNoDriver;
    case cudaErrorNoDevice:
    case cudaErrorInvalidDevice:
    case cudaErrorDevicesUnavailable:
    case cudaErrorNoKernelImageForDevice:
    case cudaErrorUnsupportedPtxVersion:
      return kNoDevice;
    case cudaErrorIllegalAddress:
    case cudaErrorLaunchFailure:
    case cudaErrorLaunchTimeout:
    case cudaErrorHardwareStackError:
    case cudaErrorIllegalInstruction:
    case cudaErrorMisalignedAddress:
    case cudaErrorECCUncorrectable:
    case cudaErrorNvlinkUncorrectable:
    case cudaErrorContained:
      return kLost;
    default:
      return kFailed;
  }
}

namespace {

void close(Handle* handle) {
  if (handle == nullptr) return;
  cudaSetDevice(handle->ordinal);
  if (handle->products != nullptr) cublasLtDestroy(handle->products);
  if (handle->workspace != nullptr) cudaFree(handle->workspace);
  for (cudaEvent_t event : handle->events) {
    if (event != nullptr) cudaEventDestroy(event);
  }
  for (cudaStream_t stream : handle->streams) {
    if (stream != nullptr) cudaStreamDestroy(stream);
  }
  delete handle;
}

// Does steps until one fails.
class Steps {
 public:
  explicit Steps(Handle& handle) : handle_(handle) {}
  void operator()(cudaError_t error, const char* doing) {
    if (outcome_ == kDone) outcome_ = outcome_of(handle_, error, doing);
  }
  bool going() const { return outcome_ == kDone; }
  Outcome outcome() const { return outcome_; }
  void stop(Outcome outcome) { outcome_ = outcome; }

 private:
  Handle& handle_;
  Outcome outcome_ = kDone;
};

void describe(Handle& handle, Steps& step) {
  cudaDeviceProp properties{};
  step(cudaGetDeviceProperties(&properties, handle.ordinal), "asking the device what it is");
  if (!step.going()) return;
  std::snprintf(handle.info.name, sizeof handle.info.name, "%s", properties.name);
  handle.info.architecture = properties.major * 10 + properties.minor;
  handle.info.shared_memory = static_cast<int>(properties.sharedMemPerBlockOptin);
  handle.info.library = static_cast<int>(cublasLtGetVersion());
  step(cudaDriverGetVersion(&handle.info.driver), "asking the driver what it is");
  if (step.going() && handle.info.architecture < 80) {
    handle.message = std::string(properties.name) + " has compute capability " +
                     std::to_string(properties.major) + "." + std::to_string(properties.minor) +
                     "; 8.0 or higher is needed";
    step.stop(kNoDevice);
  }
}

Outcome open_handle(int ordinal, Handle& handle) {
  handle.ordinal = ordinal;
  Steps step(handle);
  int devices = 0;
  step(cudaDriverGetVersion(&handle.info.driver), "looking for a driver");
  if (step.going() && handle.info.driver == 0) {
    handle.message = "no driver is installed";
    step.stop(kNoDriver);
  }
  if (step.going()) step(cudaGetDeviceCount(&devices), "looking for devices");
  if (step.going() && (ordinal < 0 || ordinal >= devices)) {
    handle.message = "there are " + std::to_string(devices) + " devices, numbered from 0";
    step.stop(kNoDevice);
  }
  if (step.going()) step(cudaSetDevice(ordinal), "opening the device");
  if (step.going()) describe(handle, step);
  for (cudaStream_t& stream : handle.streams) {
    if (step.going()) step(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "making a stream");
  }
  for (cudaEvent_t& event : handle.events) {
    if (step.going()) step(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "making an event");
  }
  if (step.going()) step(cudaMalloc(&handle.workspace, kWorkspaceBytes), "taking memory for products");
  if (step.going() && cublasLtCreate(&handle.products) != CUBLAS_STATUS_SUCCESS) {
    step.stop(failed(handle, "cuBLASLt could not be started"));
  }
  return step.outcome();
}

Outcome open(int ordinal, Handle** handle, Info* info, char* message, uint64_t message_bytes) {
  *handle = nullptr;
  auto* made = new Handle;
  const Outcome outcome = open_handle(ordinal, *made);
  if (outcome != kDone) {
    std::snprintf(message, message_bytes, "%s", made->message.c_str());
    close(made);
    return outcome;
  }
  *info = made->info;
  *handle = made;
  return kDone;
}

const char* message(Handle* handle) { return handle->message.c_str(); }

Outcome memory(Handle* handle, uint64_t* free, uint64_t* total) {
  size_t free_bytes = 0;
  size_t total_bytes = 0;
  cudaSetDevice(handle->ordinal);
  const cudaError_t error = cudaMemGetInfo(&free_bytes, &total_bytes);
  *free = free_bytes;
  *total = total_bytes;
  return outcome_of(*handle, error, "asking for the device's memory");
}

Outcome allocate(Handle* handle, uint64_t bytes, void** memory) {
  cudaSetDevice(handle->ordinal);
  return outcome_of(*handle, cudaMalloc(memory, bytes), "taking memory");
}
void release(Handle* handle, void* memory) {
  cudaSetDevice(handle->ordinal);
  cudaFree(memory);
}
Outcome allocate_host(Handle* handle, uint64_t bytes, void** memory) {
  cudaSetDevice(handle->ordinal);
  return outcome_of(*handle, cudaMallocHost(memory, bytes), "taking pinned memory of the host");
}
void release_host(Handle* handle, void* memory) {
  cudaSetDevice(handle->ordinal);
  cudaFreeHost(memory);
}

Outcome copy(Handle* handle, int stream, void* to, const void* from, uint64_t bytes, Direction direction) {
  constexpr cudaMemcpyKind kKinds[] = {cudaMemcpyHostToDevice, cudaMemcpyDeviceToHost,
                                       cudaMemcpyDeviceToDevice};
  cudaSetDevice(handle->ordinal);
  return outcome_of(*handle, cudaMemcpyAsync(to, from, bytes, kKinds[direction], handle->streams[stream]),
                    "copying");
}

Outcome record(Handle* handle, int stream, int event) {
  return outcome_of(*handle, cudaEventRecord(handle->events[event], handle->streams[stream]),
                    "recording an event");
}
Outcome wait(Handle* handle, int stream, int event) {
  return outcome_of(*handle, cudaStreamWaitEvent(handle->streams[stream], handle->events[event], 0),
                    "waiting for an event");
}
Outcome await(Handle* handle, int event) {
  return outcome_of(*handle, cudaEventSynchronize(handle->events[event]), "waiting for the device");
}
Outcome finish(Handle* handle, int stream) {
  return outcome_of(*handle, cudaStreamSynchronize(handle->streams[stream]), "waiting for the device");
}

}  // namespace
}  // namespace headwise::device

extern "C" __attribute__((visibility("default"))) const headwise::device::DeviceTable*
headwise_device_table() {
  using namespace headwise::device;
  static const DeviceTable kTable{
      kTableVersion, sizeof(DeviceTable), open, close,  message,  memory, allocate, release,
      allocate_host, release_host,        copy, launch, multiply, record, wait,     await,
      finish};
  return &kTable;
}
