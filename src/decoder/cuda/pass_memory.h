// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the memory of a pass on a device: activations of all rows, and of a piece of rows where
// the MLP is wider than all of them would need. It grows to the largest pass and is used by all decoders of
// the device in turn.
//
// Thread rule: under the device's lock.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "decoder/cpu/pass_plan.h"
#include "decoder/cuda/device.h"
#include "headwise/error.h"
#include "headwise/model_config.h"

namespace headwise::device {

// Memory that is made larger when needed, its content lost.
class GrowingMemory {
 public:
  Status reserve(Device& device, uint64_t bytes, bool host, const std::string& what);
  const Memory& memory() const { return memory_; }

 private:
  Memory memory_;
};

// Sums of a layer that is read, on their way to the host. Two, so that the device goes on while the host
// looks at the last ones.
inline constexpr int kReadSlots = 2;

struct PassMemory {
  GrowingMemory device;
  GrowingMemory tables;
  GrowingMemory host;         // sums of the slots
  GrowingMemory host_tables;  // PassTables
  GrowingMemory host_rows;    // hidden states, or keys and values that are kept

  // Places in `device`, set by reserve().
  float* hidden = nullptr;    // [rows, C]
  void* normed = nullptr;     // [rows, C] of T
  void* heads = nullptr;      // [rows, (H + 2K) D] of T
  void* mixed = nullptr;      // [rows, H D] of T
  float* branch = nullptr;    // [rows, C]: what attention or the MLP adds, where a norm or bias comes first
  void* gate_up = nullptr;    // [piece rows, 2F] of T
  void* gated = nullptr;      // [piece rows, F] of T
  float* log_sums = nullptr;  // [rows, H]
  float* parts = nullptr;     // [part rows, H, D + 2]; null where there are none
  float* taken = nullptr;     // [kept rows, 2 K D]
  float* sums[kReadSlots]{};  // [heads, groups, keys]
  float* host_sums[kReadSlots]{};
  int64_t piece_rows = 0;

  // Of a device, shared by its decoders.
  static std::shared_ptr<PassMemory> of(const Device& device);
  // `kept_rows`: most rows of a segment that is kept; `part_rows`: of attention in parts.
  Status reserve(Device& device, const ModelConfig& config, const PassPlan& plan, NumberType type,
                 int64_t kept_rows, int64_t part_rows);
};

}  // namespace headwise::device
