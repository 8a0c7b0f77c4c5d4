// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: from the attention of a read head to its share of each passage's score, as a graph that
// libtorch differentiates: rerank/scoring.h once more. Sources: docs/method.md.
//
// Letters: Q queries, S summed tokens, P passages.
#pragma once

#include <torch/torch.h>

#include "align/graph/attention.h"
#include "align/graph/prompt_tensors.h"
#include "headwise/reranker.h"

namespace headwise::graph {

// Mean attention of each query's rows to the summed tokens: [Q, S].
torch::Tensor mean_attention(const TailAttention& tail, int head, const PromptTensors& prompt);
// The same of rows that see no passage: zeros.
torch::Tensor no_attention(const PromptTensors& prompt);

// Calibrated against the content-free query where the calibration says so, filtered and summed: [Q, S] gives
// [Q', P]; Q' is without the content-free query. The token filter's choice is taken as given: no gradient
// goes through it.
torch::Tensor passage_values(const torch::Tensor& attention, const PromptTensors& prompt,
                             Calibration calibration, TokenFilter filter);

}  // namespace headwise::graph
