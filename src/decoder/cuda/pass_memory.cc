// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "decoder/cuda/pass_memory.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "base/check.h"

namespace headwise::device {
namespace {

constexpr int64_t kPieceRows = 4096;  // of the MLP: enough for products to be at their best

// Places one behind the other.
class Places {
 public:
  uint64_t take(int64_t count, int64_t number_bytes) {
    const uint64_t place = end_;
    end_ += whole_grains(static_cast<uint64_t>(count * number_bytes));
    return place;
  }
  uint64_t end() const { return end_; }

 private:
  uint64_t end_ = 0;
};

// Floats of the largest layer's sums.
int64_t most_sums(const PassPlan& plan) {
  size_t heads = 0;
  for (const auto& layer : plan.heads_by_layer) heads = std::max(heads, layer.size());
  return static_cast<int64_t>(heads * plan.groups.size()) * plan.key_count;
}

}  // namespace

Status GrowingMemory::reserve(Device& device, uint64_t bytes, bool host, const std::string& what) {
  if (bytes <= memory_.bytes()) return {};
  memory_ = Memory();  // before the new one: the peak is what counts
  auto memory = host ? device.allocate_host(bytes, what) : device.allocate(bytes, what);
  HW_RETURN_IF_ERROR(memory);
  memory_ = std::move(*memory);
  return {};
}

std::shared_ptr<PassMemory> PassMemory::of(const Device& device) {
  static std::mutex mutex;
  static std::map<const Device*, std::weak_ptr<PassMemory>> made;
  const std::lock_guard lock(mutex);
  std::weak_ptr<PassMemory>& place = made[&device];
  if (auto found = place.lock()) return found;
  auto memory = std::make_shared<PassMemory>();
  place = memory;
  return memory;
}

Status PassMemory::reserve(Device& on, const ModelConfig& config, const PassPlan& plan, NumberType type,
                           int64_t kept_rows, int64_t part_rows) {
  const int64_t rows = plan.rows();
  const int64_t number = bytes_of(type);
  const int64_t HD = config.heads * config.head_width;
  const int64_t KD = config.kv_heads * config.head_width;
  piece_rows = std::min(rows, kPieceRows);
  Places places;
  const uint64_t at_hidden = places.take(rows * config.width, 4);
  const uint64_t at_normed = places.take(rows * config.width, number);
  const uint64_t at_heads = places.take(rows * (HD + 2 * KD), number);
  const uint64_t at_mixed = places.take(rows * HD, number);
  const uint64_t at_branch = places.take(rows * config.width, 4);
  const uint64_t at_gate_up = places.take(piece_rows * 2 * config.ffn_width, number);
  const uint64_t at_gated = places.take(piece_rows * config.ffn_width, number);
  const uint64_t at_log_sums = places.take(rows * config.heads, 4);
  const uint64_t at_parts = places.take(part_rows * config.heads * (config.head_width + 2), 4);
  const uint64_t at_taken = places.take(kept_rows * 2 * KD, 4);
  uint64_t at_sums[kReadSlots];
  for (uint64_t& place : at_sums) place = places.take(most_sums(plan), 4);
  const std::string what = "a pass of " + std::to_string(rows) + " tokens";
  HW_RETURN_IF_ERROR(device.reserve(on, places.end(), false, what));
  const Memory& memory = device.memory();
  hidden = memory.at<float>(at_hidden);
  normed = memory.at(at_normed);
  heads = memory.at(at_heads);
  mixed = memory.at(at_mixed);
  branch = memory.at<float>(at_branch);
  gate_up = memory.at(at_gate_up);
  gated = memory.at(at_gated);
  log_sums = memory.at<float>(at_log_sums);
  parts = part_rows == 0 ? nullptr : memory.at<float>(at_parts);
  taken = memory.at<float>(at_taken);
  const auto sum_bytes = static_cast<uint64_t>(most_sums(plan)) * sizeof(float);
  HW_RETURN_IF_ERROR(host.reserve(on, std::max<uint64_t>(kReadSlots * sum_bytes, 1), true, what));
  const auto row_bytes =
      static_cast<uint64_t>(std::max(rows * config.width, kept_rows * 2 * KD)) * sizeof(float);
  HW_RETURN_IF_ERROR(host_rows.reserve(on, row_bytes, true, what));
  for (int slot = 0; slot < kReadSlots; ++slot) {
    sums[slot] = memory.at<float>(at_sums[slot]);
    host_sums[slot] = host.memory().at<float>(static_cast<uint64_t>(slot) * sum_bytes);
  }
  return {};
}

}  // namespace headwise::device
