// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "decoder/cuda/kept_on_device.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <utility>

#include "base/check.h"

namespace headwise::device {
namespace {

// Where a layer's keys, values and tokens stand.
struct RunPlaces {
  uint64_t keys = 0;
  uint64_t values = 0;
  uint64_t tokens = 0;
};

template <typename T>
void write_rows(const CpuKeptSegment& kept, int layer, bool values, T* to) {
  const KeptShape& shape = kept.layout().shape();
  const int64_t D = shape.head_width;
  for (int64_t head = 0; head < shape.kv_heads; ++head) {
    const std::vector<float> rows =
        values ? kept.values(layer, static_cast<int>(head)) : kept.keys(layer, static_cast<int>(head));
    const auto count = static_cast<int64_t>(rows.size()) / D;
    for (int64_t i = 0; i < count * D; ++i) {
      to[i / D * shape.kv_heads * D + head * D + i % D] = rounded<T>(rows[static_cast<size_t>(i)]);
    }
  }
}

void write_rows(const CpuKeptSegment& kept, int layer, bool values, NumberType type, std::byte* to) {
  if (type == kBfloat16) {
    write_rows(kept, layer, values, reinterpret_cast<Bfloat16*>(to));
  } else {
    write_rows(kept, layer, values, reinterpret_cast<float*>(to));
  }
}

}  // namespace

Result<SegmentOnDevice> KeptOnDevice::upload(const CpuKeptSegment& kept) {
  const KeptShape& shape = kept.layout().shape();
  const auto row = static_cast<uint64_t>(shape.kv_heads * shape.head_width * bytes_of(type_));
  std::vector<RunPlaces> places;
  uint64_t bytes = 0;
  for (const KeptLayer& layer : kept.layout().layers()) {
    const auto count = static_cast<uint64_t>(layer.count);
    RunPlaces place{bytes, bytes + whole_grains(count * row), 0};
    place.tokens = place.values + (layer.values ? whole_grains(count * row) : 0);
    bytes = place.tokens + whole_grains(layer.kept.size() * sizeof(int32_t));
    places.push_back(place);
  }
  bytes = std::max(bytes, kGrain);  // a segment of which nothing is kept
  drop_old(bytes);
  auto there = device_->allocate(bytes, "a kept passage");
  HW_RETURN_IF_ERROR(there);
  auto host = device_->allocate_host(bytes, "a kept passage on its way");
  HW_RETURN_IF_ERROR(host);
  SegmentOnDevice segment;
  for (size_t l = 0; l < places.size(); ++l) {
    const KeptLayer& layer = kept.layout().layers()[l];
    const RunPlaces& place = places[l];
    KeyRun run{};
    run.keys = there->at(place.keys);
    run.stride = shape.kv_heads * shape.head_width;
    run.count = static_cast<int32_t>(layer.count);
    run.first_position = static_cast<int32_t>(shape.first_position);
    if (layer.count > 0) {
      write_rows(kept, static_cast<int>(l), false, type_, host->at(place.keys));
      if (layer.values) write_rows(kept, static_cast<int>(l), true, type_, host->at(place.values));
    }
    if (layer.values) run.values = there->at(place.values);
    if (!layer.kept.empty()) {
      std::memcpy(host->at(place.tokens), layer.kept.data(), layer.kept.size() * sizeof(int32_t));
      run.tokens = there->at<int32_t>(place.tokens);
    }
    segment.layers.push_back(run);
  }
  Queue queue(*device_);
  queue.copy(there->at(), host->at(), bytes, kToDevice);
  HW_RETURN_IF_ERROR(queue.finish());
  segment.memory = std::move(*there);
  return segment;
}

// Makes room for so many bytes, but of nothing that the call in hand reads.
void KeptOnDevice::drop_old(uint64_t room) {
  while (bytes_ + room > most_bytes_) {
    auto oldest = entries_.end();
    for (auto entry = entries_.begin(); entry != entries_.end(); ++entry) {
      if (entry->second.used == calls_) continue;
      if (oldest == entries_.end() || entry->second.used < oldest->second.used) oldest = entry;
    }
    if (oldest == entries_.end()) return;
    bytes_ -= oldest->second.segment.memory.bytes();
    entries_.erase(oldest);
  }
}

Result<std::vector<const SegmentOnDevice*>> KeptOnDevice::bring(std::span<const GivenSegment> given) {
  ++calls_;
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    const bool gone = entry->second.owner.expired();
    if (gone) bytes_ -= entry->second.segment.memory.bytes();
    entry = gone ? entries_.erase(entry) : std::next(entry);
  }
  for (const GivenSegment& wanted : given) {
    if (const auto found = entries_.find(wanted.kept.get()); found != entries_.end())
      found->second.used = calls_;
  }
  std::vector<const SegmentOnDevice*> segments;
  for (const GivenSegment& wanted : given) {
    const KeptSegment* key = wanted.kept.get();
    if (entries_.find(key) == entries_.end()) {
      const auto* kept = dynamic_cast<const CpuKeptSegment*>(key);
      HW_CHECK(kept != nullptr);
      auto segment = upload(*kept);
      HW_RETURN_IF_ERROR(segment);
      bytes_ += segment->memory.bytes();
      entries_[key] = {wanted.kept, std::move(*segment), calls_};
    }
    segments.push_back(&entries_[key].segment);
  }
  return segments;
}

}  // namespace headwise::device
