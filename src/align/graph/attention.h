// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: attention between the parts of a prompt, as a graph that libtorch differentiates: the
// base and each slot causally to themselves, slots to the base, the instruction and the queries to all before
// them. Softmax is fp32 whatever its input's type. What it is not: projections, norms, rotation
// (training_model.h).
//
// Letters: H query heads, K key/value heads, D head width, P slots, M the longest slot, I the instruction's
// tokens, Q queries, R the longest query, n real rows.
#pragma once

#include <torch/torch.h>

#include <cstdint>

#include "align/graph/prompt_tensors.h"

namespace headwise::graph {

// Causal attention of a run of tokens to itself: q [n, H, D], k and v [n, K, D] give [n, H, D].
torch::Tensor attend_causally(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v,
                              int64_t kv_heads, double scale);

// Every slot's attention to the base and, causally, to itself: [slot tokens, H, D].
torch::Tensor attend_slots(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v,
                           const PromptTensors& prompt, int64_t kv_heads, double scale);

// Attention of the instruction's and the queries' rows, n of the latter in all.
struct TailAttention {
  torch::Tensor instruction;  // [H, I, query_begin]
  torch::Tensor queries;  // [H, n, query_begin + R]: what stands before the queries, then the row's own query
};

// Rows of `q` from instruction_begin on, already scaled.
TailAttention attend_tail(const torch::Tensor& q, const torch::Tensor& k, const PromptTensors& prompt,
                          int64_t kv_heads);

// What the tail's rows take from the values: [tail tokens, H, D].
torch::Tensor mix_tail(const TailAttention& tail, const torch::Tensor& v, const PromptTensors& prompt,
                       int64_t kv_heads);

}  // namespace headwise::graph
