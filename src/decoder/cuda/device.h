// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: an open device as C++ sees it: memory that gives itself back, a queue of work that stops
// at the first thing that goes wrong, and what went wrong as an error with figures.
//
// Thread rule: one caller at a time; whoever runs a pass holds `lock()`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "decoder/cuda/device_table.h"
#include "decoder/cuda/ops/operations.cuh"
#include "headwise/error.h"

namespace headwise::device {

class Device;

// What stands in one memory begins on multiples of this.
constexpr uint64_t kGrain = 256;
constexpr uint64_t whole_grains(uint64_t bytes) { return (bytes + kGrain - 1) / kGrain * kGrain; }

// "3.2 GiB", "512.0 MiB".
std::string memory_text(uint64_t bytes);

// Memory of the device, or of the host where it is pinned. Nothing may be at work with it when it goes.
class Memory {
 public:
  Memory() = default;
  Memory(Device* device, void* data, uint64_t bytes, bool host)
      : device_(device), data_(data), bytes_(bytes), host_(host) {}
  Memory(Memory&& other) noexcept { swap(other); }
  Memory& operator=(Memory&& other) noexcept {
    swap(other);
    return *this;
  }
  ~Memory();

  uint64_t bytes() const { return bytes_; }
  template <typename T = std::byte>
  T* at(uint64_t place = 0) const {
    return reinterpret_cast<T*>(static_cast<std::byte*>(data_) + place);
  }

 private:
  void swap(Memory& other) noexcept {
    std::swap(device_, other.device_);
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    std::swap(host_, other.host_);
  }
  Device* device_ = nullptr;
  void* data_ = nullptr;
  uint64_t bytes_ = 0;
  bool host_ = false;
};

class Device {
 public:
  // The open device of that number; opened where nobody has it. kNotFound without a driver or such a device.
  // `library` is kept until the device is closed.
  static Result<std::shared_ptr<Device>> open(const DeviceTable& table, int ordinal,
                                              std::shared_ptr<void> library);
  ~Device();
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  const Info& info() const { return info_; }
  int ordinal() const { return ordinal_; }
  // "NVIDIA H100 80GB HBM3 (cuda:0)".
  std::string name() const;
  std::unique_lock<std::mutex> lock() { return std::unique_lock(mutex_); }

  // kResourceLimit when there is not enough; the message says for `what`, how much, and what is free.
  Result<Memory> allocate(uint64_t bytes, const std::string& what);
  Result<Memory> allocate_host(uint64_t bytes, const std::string& what);
  // kResourceLimit when less than `bytes` are free.
  Status check_free(uint64_t bytes, const std::string& what);

  // The error that an outcome other than kDone stands for.
  Error error_of(Outcome outcome) const;
  const DeviceTable& table() const { return table_; }
  Handle* handle() const { return handle_; }

 private:
  Device(const DeviceTable& table, Handle* handle, const Info& info, int ordinal,
         std::shared_ptr<void> library)
      : table_(table), handle_(handle), info_(info), ordinal_(ordinal), library_(std::move(library)) {}
  std::string free_text(uint64_t free, uint64_t total) const;

  const DeviceTable& table_;
  Handle* handle_;
  Info info_;
  int ordinal_;
  std::shared_ptr<void> library_;
  std::mutex mutex_;
};

// Work for one stream, in order. After the first failure nothing more is asked of the device, and status()
// says what failed.
class Queue {
 public:
  explicit Queue(Device& device, int stream = 0) : device_(device), stream_(stream) {}

  template <typename Args>
  void launch(Operation operation, NumberType type, const Args& args) {
    if (going()) {
      note(device_.table().launch(device_.handle(), stream_, operation, type, &args, sizeof args));
    }
  }
  void product(const ProductArgs& args) {
    if (going()) note(device_.table().product(device_.handle(), stream_, &args));
  }
  void copy(void* to, const void* from, uint64_t bytes, Direction direction) {
    if (going() && bytes > 0) {
      note(device_.table().copy(device_.handle(), stream_, to, from, bytes, direction));
    }
  }
  void record(int event) {
    if (going()) note(device_.table().record(device_.handle(), stream_, event));
  }
  // Of the host.
  void await(int event) {
    if (going()) note(device_.table().await(device_.handle(), event));
  }
  // Waits also after a failure, so that memory can go.
  Status finish() {
    const Outcome outcome = device_.table().finish(device_.handle(), stream_);
    if (going()) note(outcome);
    return status();
  }
  bool going() const { return outcome_ == kDone; }
  Status status() const;

 private:
  void note(Outcome outcome) { outcome_ = outcome; }
  Device& device_;
  int stream_;
  Outcome outcome_ = kDone;
};

}  // namespace headwise::device
