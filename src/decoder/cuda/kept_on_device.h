// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: kept segments on a device. Between passes a segment is the CPU's image
// (decoder/cpu/cpu_kept_segment.h), in the host's memory or wherever passages are kept; those that were read
// last stay on the device too, up to a bound, least recently read out first.
//
// Thread rule: under the device's lock.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "decoder/cpu/cpu_kept_segment.h"
#include "decoder/cuda/device.h"
#include "decoder/decode_request.h"
#include "headwise/error.h"

namespace headwise::device {

// A segment's runs by layer, but for their place among a pass's keys.
struct SegmentOnDevice {
  Memory memory;
  std::vector<KeyRun> layers;
};

class KeptOnDevice {
 public:
  // `bytes`: what is held at most between passes.
  KeptOnDevice(std::shared_ptr<Device> device, NumberType type, uint64_t bytes)
      : device_(std::move(device)), type_(type), most_bytes_(bytes) {}

  // The segments of a pass, in their order; they stay until the next call. kResourceLimit when they do not
  // fit.
  Result<std::vector<const SegmentOnDevice*>> bring(std::span<const GivenSegment> given);
  uint64_t bytes() const { return bytes_; }

 private:
  struct Entry {
    std::weak_ptr<const KeptSegment> owner;  // gone: the address may be another segment's
    SegmentOnDevice segment;
    uint64_t used = 0;  // number of the call
  };
  Result<SegmentOnDevice> upload(const CpuKeptSegment& kept);
  void drop_old(uint64_t room);

  std::shared_ptr<Device> device_;
  NumberType type_;
  uint64_t most_bytes_;
  uint64_t bytes_ = 0;
  uint64_t calls_ = 0;
  std::map<const KeptSegment*, Entry> entries_;
};

}  // namespace headwise::device
