// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the buffers of a pass, sized for one prompt and reused for the next. Token rows are
// padded to whole row tiles, because a product writes whole groups of rows.
#pragma once

#include <cstdint>
#include <vector>

#include "base/aligned_buffer.h"
#include "decoder/prompt_layout.h"
#include "headwise/model_config.h"
#include "kernels/gemm.h"
#include "kernels/kernels.h"

namespace headwise {

struct Activations {
  AlignedBuffer<float> hidden_TC;  // residual stream
  AlignedBuffer<float> query_HTD;  // after norm, rotary, scaling
  AlignedBuffer<float> key_KS;     // per kv head: tiles [D][64] over the storage slots
  AlignedBuffer<float> value_KS;   // per kv head: [slot, padded D]
  AlignedBuffer<float> mixed_THD;  // attention output
  std::vector<int64_t> slot_of_T;  // storage slot of each token's key
  int64_t padded_tokens = 0;

  void prepare(const ModelConfig& config, const PromptLayout& prompt);
};

// Scratch of one worker.
struct WorkerScratch {
  kernels::Gemm gemm;
  AlignedBuffer<float> normed;     // [64, C]
  AlignedBuffer<float> projected;  // [64, max(panel, C, padded D)]
  AlignedBuffer<float> gate;       // [64, F]
  AlignedBuffer<float> attention;  // attend_scratch or read_scratch

  void prepare(const ModelConfig& config, int64_t key_count);
};

}  // namespace headwise
