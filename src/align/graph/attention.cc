// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "align/graph/attention.h"

namespace headwise::graph {

using torch::Tensor;

namespace {

// Keys or values [n, K, D] as [K, n, D].
Tensor by_head(const Tensor& x) { return x.transpose(0, 1); }

// Queries [n, H, D] as [K, G * n, D]: the G heads that share a key head stand below each other.
Tensor by_key_head(const Tensor& x, int64_t kv_heads) {
  const int64_t n = x.size(0);
  const int64_t group = x.size(1) / kv_heads;
  return x.view({n, kv_heads, group, x.size(2)})
      .permute({1, 2, 0, 3})
      .reshape({kv_heads, group * n, x.size(2)});
}

// And back: [K, G * n, D] as [n, H, D].
Tensor by_token(const Tensor& x, int64_t rows) {
  const int64_t kv_heads = x.size(0);
  const int64_t group = x.size(1) / rows;
  return x.view({kv_heads, group, rows, x.size(2)})
      .permute({2, 0, 1, 3})
      .reshape({rows, kv_heads * group, x.size(2)});
}

// -inf above the diagonal of an [n, n] table, as a number that survives sums.
Tensor causal_mask(int64_t n, const torch::Device& device) {
  return torch::full({n, n}, -1e30, torch::TensorOptions(torch::kFloat32).device(device)).triu(1);
}

// [H, Q, R, x] of padded rows to [H, n, x] of real ones.
Tensor real_rows(const Tensor& padded, const PromptTensors& prompt) {
  return padded.flatten(1, 2).index_select(1, prompt.query_places);
}

}  // namespace

Tensor attend_causally(const Tensor& q, const Tensor& k, const Tensor& v, int64_t kv_heads, double scale) {
  const int64_t n = q.size(0);
  const int64_t group = q.size(1) / kv_heads;
  const Tensor mask = causal_mask(n, q.device()).repeat({group, 1});
  const Tensor logits =
      torch::matmul(by_key_head(q, kv_heads), by_head(k).transpose(1, 2)).to(torch::kFloat32);
  const Tensor shares = torch::softmax(logits * scale + mask, -1).to(v.scalar_type());
  return by_token(torch::matmul(shares, by_head(v)), n);
}

Tensor attend_slots(const Tensor& q, const Tensor& k, const Tensor& v, const PromptTensors& prompt,
                    int64_t kv_heads, double scale) {
  const int64_t P = prompt.slot_tokens.size(0);
  const int64_t M = prompt.slot_tokens.size(1);
  const int64_t D = q.size(2);
  const int64_t H = q.size(1);
  const int64_t group = H / kv_heads;
  const Tensor flat = prompt.slot_tokens.view({-1});
  const auto slot_rows = [&](const Tensor& x) { return x.index_select(0, flat).view({P, M, x.size(1), D}); };
  const auto with_base = [&](const Tensor& x) {
    const Tensor base = x.slice(0, 0, prompt.base).unsqueeze(0).expand({P, prompt.base, x.size(1), D});
    return torch::cat({base, slot_rows(x)}, 1).permute({0, 2, 1, 3});  // [P, K, base + M, D]
  };
  const Tensor queries = slot_rows(q)
                             .view({P, M, kv_heads, group, D})
                             .permute({0, 2, 3, 1, 4})
                             .reshape({P, kv_heads, group * M, D});
  const Tensor mask = torch::cat({torch::zeros({M, prompt.base}, causal_mask(1, q.device()).options()),
                                  causal_mask(M, q.device())},
                                 1)
                          .repeat({group, 1});
  const Tensor logits = torch::matmul(queries, with_base(k).transpose(2, 3)).to(torch::kFloat32);
  const Tensor shares = torch::softmax(logits * scale + mask, -1).to(v.scalar_type());
  const Tensor mixed =
      torch::matmul(shares, with_base(v)).view({P, kv_heads, group, M, D}).permute({0, 3, 1, 2, 4});
  return mixed.reshape({P * M, H, D}).index_select(0, prompt.slot_places);
}

TailAttention attend_tail(const Tensor& q, const Tensor& k, const PromptTensors& prompt, int64_t kv_heads) {
  const int64_t I = prompt.instruction();
  const int64_t Q = prompt.queries();
  const int64_t R = prompt.query_tokens.size(1);
  const int64_t H = q.size(1);
  const int64_t D = q.size(2);
  const int64_t group = H / kv_heads;
  const Tensor context = by_head(k.slice(0, 0, prompt.query_begin)).transpose(1, 2);  // [K, D, query_begin]
  // Softmax in fp32, whatever its input's type.
  const auto shares = [](const Tensor& logits) { return torch::softmax(logits, -1, torch::kFloat32); };
  TailAttention tail;
  const Tensor instruction_mask =
      torch::cat({torch::zeros({I, prompt.instruction_begin}, causal_mask(1, q.device()).options()),
                  causal_mask(I, q.device())},
                 1)
          .repeat({group, 1});
  const Tensor instruction = torch::matmul(by_key_head(q.slice(0, 0, I), kv_heads), context);
  tail.instruction = shares(instruction + instruction_mask).view({H, I, prompt.query_begin});

  // The queries' rows lie together behind the instruction: no padding where the table is large.
  const int64_t n = q.size(0) - I;
  const Tensor to_context =
      torch::matmul(by_key_head(q.slice(0, I), kv_heads), context).view({H, n, prompt.query_begin});
  const Tensor rows = (prompt.query_tokens - prompt.instruction_begin).view({-1});
  const Tensor own_rows = q.index_select(0, rows).view({Q, R, H, D}).permute({2, 0, 1, 3});  // [H, Q, R, D]
  const Tensor own_keys = k.index_select(0, prompt.query_tokens.view({-1}))
                              .view({Q, R, kv_heads, D})
                              .permute({2, 0, 3, 1})
                              .repeat_interleave(group, 0);  // [H, Q, D, R]
  const Tensor to_own = torch::matmul(own_rows, own_keys) + causal_mask(R, q.device()).to(q.scalar_type());
  tail.queries = shares(torch::cat({to_context, real_rows(to_own, prompt)}, -1));
  return tail;
}

Tensor mix_tail(const TailAttention& tail, const Tensor& v, const PromptTensors& prompt, int64_t kv_heads) {
  const int64_t H = tail.queries.size(0);
  const int64_t Q = prompt.queries();
  const int64_t R = prompt.query_tokens.size(1);
  const int64_t D = v.size(2);
  const int64_t group = H / kv_heads;
  const Tensor context = by_head(v.slice(0, 0, prompt.query_begin));  // [K, query_begin, D]
  // [H, rows, query_begin] -> [H, rows, D]
  const auto mix = [&](const Tensor& shares) {
    const int64_t rows = shares.size(1);
    return torch::matmul(shares.to(v.scalar_type()).reshape({kv_heads, group * rows, prompt.query_begin}),
                         context)
        .view({H, rows, D});
  };
  const Tensor own_values = v.index_select(0, prompt.query_tokens.view({-1}))
                                .view({Q, R, kv_heads, D})
                                .permute({2, 0, 1, 3})
                                .repeat_interleave(group, 0);                        // [H, Q, R, D]
  const Tensor own = tail.queries.slice(2, prompt.query_begin).to(v.scalar_type());  // [H, n, R]
  const Tensor padded = own.index_select(1, prompt.query_rows.view({-1})).view({H, Q, R, R});
  const Tensor queries = mix(tail.queries.slice(2, 0, prompt.query_begin)) +
                         real_rows(torch::matmul(padded, own_values), prompt);
  return torch::cat({mix(tail.instruction), queries}, 1).transpose(0, 1);
}

}  // namespace headwise::graph
