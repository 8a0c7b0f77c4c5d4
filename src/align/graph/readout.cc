// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "align/graph/readout.h"

#include "base/check.h"
#include "rerank/scoring.h"

namespace headwise::graph {

using torch::Tensor;

namespace {

// Sums over each passage's tokens: [Q, S] -> [Q, P].
Tensor sum_passages(const Tensor& tokens, const PromptTensors& prompt) {
  return torch::zeros({tokens.size(0), prompt.passages()}, tokens.options())
      .index_add(1, prompt.summed_passages, tokens);
}

// 1 for the tokens that lie above mean - 2 std of their passage (std with n - 1), as keep_above in
// rerank/scoring.h.
Tensor kept_tokens(const Tensor& calibrated, const PromptTensors& prompt) {
  const Tensor c = calibrated.detach();
  const Tensor mean = sum_passages(c, prompt) / prompt.tokens_of;
  const Tensor off = c - mean.index_select(1, prompt.summed_passages);
  const Tensor deviation = torch::sqrt(sum_passages(off * off, prompt) / (prompt.tokens_of - 1).clamp_min(1));
  const Tensor bound = (mean - 2 * deviation).index_select(1, prompt.summed_passages);
  const Tensor alone = (prompt.tokens_of < 2).index_select(0, prompt.summed_passages).unsqueeze(0);
  return torch::logical_or(c > bound, alone).to(c.scalar_type());
}

}  // namespace

Tensor mean_attention(const TailAttention& tail, int head, const PromptTensors& prompt) {
  // A product with the table of who reads what: sums each query's rows at once.
  Tensor sum = torch::matmul(prompt.rows_read, tail.queries[head].slice(1, 0, prompt.instruction_begin));
  if (prompt.shared_rows > 0) sum = sum + tail.instruction[head].slice(1, 0, prompt.instruction_begin).sum(0);
  return sum.index_select(1, prompt.summed_tokens) / prompt.row_count.unsqueeze(1);
}

Tensor no_attention(const PromptTensors& prompt) {
  return torch::zeros({prompt.queries(), prompt.summed_tokens.size(0)}, prompt.tokens_of.options());
}

Tensor passage_values(const Tensor& attention, const PromptTensors& prompt, Calibration calibration,
                      TokenFilter filter) {
  HW_CHECK(calibration == Calibration::kNone || prompt.content_free);
  const int64_t own = attention.size(0) - (prompt.content_free ? 1 : 0);
  const Tensor query = attention.slice(0, 0, own);
  if (calibration == Calibration::kNone) return sum_passages(query, prompt);
  const Tensor empty = attention.slice(0, own);
  if (calibration == Calibration::kRatio) {
    return torch::log(sum_passages(query, prompt) + kLogFloor) -
           torch::log(sum_passages(empty, prompt) + kLogFloor);
  }
  const Tensor calibrated = query - empty;
  return sum_passages(filter == TokenFilter::kLow ? calibrated * kept_tokens(calibrated, prompt) : calibrated,
                      prompt);
}

}  // namespace headwise::graph
