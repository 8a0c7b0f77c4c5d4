// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the memory of a pass, sized for one prompt and used again by the next, whichever engine
// runs it (base/execution_context.h).
#pragma once

#include <cstdint>
#include <vector>

#include "base/aligned_buffer.h"
#include "decoder/cpu/key_store.h"
#include "decoder/cpu/packing.h"
#include "decoder/cpu/pass_plan.h"
#include "headwise/model_config.h"
#include "kernels/linear.h"

namespace headwise {

// out [rows, outputs] = x W^T + bias for a whole matrix, or for one head's rows of q, k or v.
struct Product {
  LayerTensor matrix;
  int head;    // -1: the whole matrix
  float* out;  // contiguous
};

// Outputs of a piece of a product of few rows, at most.
inline constexpr int64_t kMostColumns = 4 * kernels::kColumnGrain;

// Of one worker. [64, ...] are row tiles.
struct WorkerScratch {
  kernels::StoredScratch stored;
  kernels::PreparedMemory prepared;
  bool finite = true;                     // false: rows held what their type cannot
  AlignedBuffer<float> weights;           // rows to be packed
  AlignedBuffer<float> normed;            // [64, C]
  AlignedBuffer<float> keys;              // [K, 64, D], before they are stored
  AlignedBuffer<float> values;            // [K, 64, D], likewise
  AlignedBuffer<float> projected;         // [64, max(C, F, M, E, HD)]
  AlignedBuffer<float> gate;              // [64, max(F, M)]
  AlignedBuffer<float> pieces;            // [2, 64, kMostColumns]: outputs before they are added or stored
  AlignedBuffer<float> queries;           // [2, kAttendRows, D]: queries of one call and what comes of them
  AlignedBuffer<float> attention;         // attend_scratch or read_scratch
  std::vector<kernels::QueryRows> parts;  // of the call in hand
  std::vector<Product> products;          // of the tile in hand
  PackedExpert expert;                    // where the layer has not packed it
};

// Rows on their way through a layer's experts. A seat is a row's place with one of its experts; seats of an
// expert stand together, in the order of rows.
struct RoutedRows {
  AlignedBuffer<float> input_TC;    // what enters the experts
  AlignedBuffer<float> seats;       // [T * used, C]: what enters, then what leaves
  std::vector<int32_t> expert_of;   // [T, used], ascending in a row
  std::vector<float> share_of;      // [T, used]
  std::vector<int32_t> seat_of;     // [T, used]
  std::vector<int32_t> row_of;      // [T * used]: by seat
  std::vector<int64_t> first_seat;  // [E + 1]
};

struct PassScratch {
  AlignedBuffer<float> hidden_TC;  // residual stream
  AlignedBuffer<float> query_HTD;  // after norm, rotary, scaling
  AlignedBuffer<float> mixed_THD;  // attention output
  AlignedBuffer<float> sums;       // [read heads, groups, keys]
  KeyStore keys;
  RoutedRows routed;
  PackedLayer packed;                      // of stored weights: the layer in hand
  LayerVectors vectors;                    // likewise, of a pass that packs nothing
  std::vector<AlignedBuffer<float>> thin;  // by LayerTensor: x A^T of an adapter's change
  std::vector<WorkerScratch> workers;
  int64_t rows = 0;

  void prepare(const ModelConfig& config, const PromptLayout& prompt, const PassPlan& plan, int threads);
};

}  // namespace headwise
