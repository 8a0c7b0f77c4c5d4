// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: what a pass's operations read beside numbers: token ids, positions, which runs of keys
// each segment's rows see, the tasks of attention and of reading, by layer. Made on the host before the first
// layer, brought to the device in one copy.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "decoder/cpu/pass_plan.h"
#include "decoder/cuda/attend_parts.h"
#include "decoder/cuda/device.h"
#include "decoder/cuda/kept_on_device.h"
#include "headwise/error.h"

namespace headwise::device {

// Where a pass's fresh keys and values stand: in the rows of its heads (HeadsArgs::heads).
struct FreshKeys {
  const std::byte* heads = nullptr;  // [rows, stride] of T
  int64_t stride = 0;
  int64_t keys_at = 0;  // numbers from a row's start
  int64_t values_at = 0;
  NumberType type = kFloat;
};

// Bytes for one copy, each array on a multiple of 16.
class TableBytes {
 public:
  template <typename T>
  uint64_t add(std::span<const T> values) {
    const uint64_t place = (bytes_.size() + 15) / 16 * 16;
    bytes_.resize(place + values.size_bytes());
    if (!values.empty()) std::memcpy(bytes_.data() + place, values.data(), values.size_bytes());
    return place;
  }
  const std::vector<std::byte>& bytes() const { return bytes_; }

 private:
  std::vector<std::byte> bytes_;
};

class PassTables {
 public:
  // `given` by place in the request; `tile_rows`: query rows of a task.
  PassTables(const DecodeRequest& request, const PassPlan& plan, const ModelConfig& config,
             const std::vector<const SegmentOnDevice*>& given, const FreshKeys& fresh, int64_t tile_rows,
             const AttendParts& parts);

  uint64_t bytes() const { return tables_.bytes().size(); }
  // Starts the copy; `host` is pinned, and both have bytes(). From then on places are of `there`.
  void bring(Queue& queue, const Memory& host, const Memory& there);

  const int32_t* ids() const { return at<int32_t>(ids_); }
  const int32_t* positions() const { return at<int32_t>(positions_); }
  // What attention sees in a layer; queries, shape and spec are left to the pass.
  KeysSeen seen(int layer) const;
  // Tasks of all rows that run, and of those that are read.
  void set_tasks(AttendArgs& args, bool read_rows_alone) const;
  // Rows to combine after them; row_count is 0 where nothing was in parts.
  void set_rows(CombineArgs& args, bool read_rows_alone) const;
  // Groups, heads and tasks of a layer that is read.
  void set_tasks(ReadArgs& args, int layer) const;
  // By segment, of a layer.
  std::vector<LayerKeys> layer_keys(int layer) const;

 private:
  struct Array {
    uint64_t place = 0;
    int64_t count = 0;
  };
  template <typename T>
  Array add(const std::vector<T>& values) {
    return {tables_.add(std::span<const T>(values)), static_cast<int64_t>(values.size())};
  }
  template <typename T>
  const T* at(const Array& array) const {
    return there_->at<T>(array.place);
  }
  void add_segments(const DecodeRequest& request);
  std::vector<KeyRun> runs_of(int layer, const DecodeRequest& request,
                              const std::vector<const SegmentOnDevice*>& given, const FreshKeys& fresh) const;
  void add_attend_tasks(const ModelConfig& config, int64_t tile_rows, const AttendParts& parts);
  bool is_read(size_t segment, int64_t first_row, int64_t end_row) const;
  std::vector<ReadTask> read_tasks(const std::vector<KeyRun>& runs) const;

  const PassPlan& plan_;
  const Memory* there_ = nullptr;
  TableBytes tables_;
  std::vector<SegmentView> views_;
  std::vector<int32_t> contexts_;
  std::vector<int32_t> key_counts_;  // [layer, segment]
  Array ids_;
  Array positions_;
  Array view_array_;
  Array context_array_;
  Array groups_;
  Array all_tasks_;
  Array read_rows_tasks_;
  Array all_split_rows_;
  Array read_split_rows_;
  std::vector<Array> runs_;        // by layer
  std::vector<Array> heads_;       // by layer; empty where none is read
  std::vector<Array> read_tasks_;  // likewise
};

}  // namespace headwise::device
