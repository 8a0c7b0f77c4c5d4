// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "decoder/cuda/device.h"

#include <array>
#include <cstdio>
#include <map>
#include <utility>

#include "base/check.h"

namespace headwise::device {

std::string memory_text(uint64_t bytes) {
  const bool large = bytes >= (1ull << 30);
  const double unit = large ? 0x1.0p30 : 0x1.0p20;
  std::array<char, 64> text;
  std::snprintf(text.data(), text.size(), "%.1f %s", static_cast<double>(bytes) / unit,
                large ? "GiB" : "MiB");
  return text.data();
}

Memory::~Memory() {
  if (data_ == nullptr) return;
  const DeviceTable& table = device_->table();
  (host_ ? table.release_host : table.release)(device_->handle(), data_);
}

Result<std::shared_ptr<Device>> Device::open(const DeviceTable& table, int ordinal,
                                             std::shared_ptr<void> library) {
  static std::mutex mutex;
  static std::map<std::pair<const DeviceTable*, int>, std::weak_ptr<Device>> opened;
  const std::lock_guard lock(mutex);
  std::weak_ptr<Device>& place = opened[{&table, ordinal}];
  if (auto device = place.lock()) return device;
  Handle* handle = nullptr;
  Info info{};
  std::array<char, 512> message{};
  const Outcome outcome = table.open(ordinal, &handle, &info, message.data(), message.size());
  const std::string wanted = "--device cuda:" + std::to_string(ordinal) + " cannot be had: ";
  if (outcome == kNoDriver) {
    return fail(ErrorCode::kNotFound, wanted + "a driver for CUDA 13 or newer was expected, and " +
                                          message.data() +
                                          "; install the card's driver, or use --device cpu");
  }
  if (outcome == kNoDevice) {
    return fail(ErrorCode::kNotFound, wanted + message.data() + "; use another number, or --device cpu");
  }
  if (outcome != kDone) {
    const ErrorCode code = outcome == kOutOfMemory ? ErrorCode::kResourceLimit : ErrorCode::kIo;
    return fail(code, wanted + message.data() + "; end what else uses the card, or use --device cpu");
  }
  const std::shared_ptr<Device> device(new Device(table, handle, info, ordinal, std::move(library)));
  place = device;
  return device;
}

Device::~Device() { table_.close(handle_); }

std::string Device::name() const {
  return std::string(info_.name) + " (cuda:" + std::to_string(ordinal_) + ")";
}

Error Device::error_of(Outcome outcome) const {
  const std::string message = name() + ": " + table_.message(handle_);
  switch (outcome) {
    case kOutOfMemory:
      return {ErrorCode::kResourceLimit, message + "; use fewer or shorter passages, or --device cpu"};
    case kLost:
      return {ErrorCode::kDeviceLost,
              message +
                  "; the device does not answer any more: start headwise again, and look into the "
                  "driver's log"};
    case kNoDriver:
    case kNoDevice:
      return {ErrorCode::kNotFound, message + "; use --device cpu"};
    default:
      return {ErrorCode::kInternal, message};
  }
}

std::string Device::free_text(uint64_t free, uint64_t total) const {
  return name() + " has " + memory_text(free) + " of " + memory_text(total) + " free";
}

Status Device::check_free(uint64_t bytes, const std::string& what) {
  uint64_t free = 0;
  uint64_t total = 0;
  const Outcome outcome = table_.memory(handle_, &free, &total);
  if (outcome != kDone) return fail(error_of(outcome));
  if (bytes <= free) return {};
  return fail(ErrorCode::kResourceLimit, what + " takes " + memory_text(bytes) + ", and " +
                                             free_text(free, total) +
                                             "; end what else uses the card, or use --device cpu");
}

Result<Memory> Device::allocate(uint64_t bytes, const std::string& what) {
  HW_RETURN_IF_ERROR(check_free(bytes, what));
  void* data = nullptr;
  const Outcome outcome = table_.allocate(handle_, bytes, &data);
  if (outcome == kDone) return Memory(this, data, bytes, false);
  return fail(error_of(outcome).with_context("taking " + memory_text(bytes) + " for " + what));
}

Result<Memory> Device::allocate_host(uint64_t bytes, const std::string& what) {
  void* data = nullptr;
  const Outcome outcome = table_.allocate_host(handle_, bytes, &data);
  if (outcome == kDone) return Memory(this, data, bytes, true);
  return fail(error_of(outcome).with_context("taking " + memory_text(bytes) + " of the host for " + what));
}

Status Queue::status() const {
  if (going()) return {};
  return fail(device_.error_of(outcome_));
}

}  // namespace headwise::device
