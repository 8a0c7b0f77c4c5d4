// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: how one pass is cut: which rows run, where each segment's rows and keys stand, the tiles
// that are the tasks of threads, how far the layers go. Plain data, made before the first layer.
#pragma once

#include <cstdint>
#include <vector>

#include "decoder/cpu/attend_plan.h"
#include "decoder/cpu/cpu_kept_segment.h"
#include "decoder/decode_request.h"
#include "headwise/error.h"
#include "model/weights.h"

namespace headwise {

// Rows of one call of the linear layers, over segments' ends.
struct RowTile {
  int64_t begin;
  int64_t rows;
  bool has_query_rows;
};

// A row group of the request among the rows that run.
struct ReadRows {
  int segment;
  int64_t first_row;  // in the segment
  int64_t rows;
};

struct SegmentPlace {
  int64_t row = 0;    // its first token among the rows that run
  int64_t rows = 0;   // 0: given
  int64_t store = 0;  // its first key in the pass's key store; a multiple of kKeyGrain
  int64_t place = 0;  // its first key in the sums; likewise
  const CpuKeptSegment* given = nullptr;
};

// Which part of a layer a pass needs.
struct LayerDemand {
  bool whole = true;
  // Only with whole == false (the deepest layer): these query heads and kv heads, no values, no output, no
  // MLP. All kv heads where something is kept: what heads of that layer are read later is not known.
  std::vector<int> query_heads;
  std::vector<int> key_heads;
};

// The tasks of threads.
struct RowCut {
  std::vector<AttendTask> attend_tasks;
  std::vector<RowTile> whole_tiles;  // of kRowTile rows
  std::vector<RowTile> even_tiles;   // the last ones smaller: the same work for every thread
};

// LateRows among the rows that run, where they are the last.
struct LatePlace {
  int segment = -1;
  int layer = -1;  // that they enter; -1: there are none
  bool given = false;
};

struct PassPlan {
  std::vector<int32_t> ids;        // of the rows that run
  std::vector<int32_t> positions;  // likewise
  std::vector<SegmentPlace> segments;
  std::vector<ReadRows> groups;  // by the request's row groups
  int64_t stored_keys = 0;       // slots of the key store
  int64_t key_count = 0;         // keys of the sums
  LatePlace late;
  RowCut every;  // of all rows
  RowCut early;  // of those that run below late.layer; with late.given
  std::vector<std::vector<int>> heads_by_layer;
  std::vector<LayerDemand> demands;  // one a layer that runs
  std::vector<bool> keeps_values;    // one a layer that is kept, of which all keys are

  int64_t rows() const { return static_cast<int64_t>(ids.size()); }
  bool skips_late(int layer) const { return late.given && layer < late.layer; }
  const RowCut& cut(int layer) const { return skips_late(layer) ? early : every; }
  const SegmentPlace& segment(int index) const { return segments[static_cast<size_t>(index)]; }
};

// kInvalidInput when a given segment does not fit.
Result<PassPlan> plan_pass(const DecodeRequest& request, const ModelWeights& weights, int threads);

}  // namespace headwise
