// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "decoder/cpu/pass_scratch.h"

#include <algorithm>

namespace headwise {

using kernels::kRowTile;

void PassScratch::prepare(const ModelConfig& config, const PromptLayout& prompt, const PassPlan& plan,
                          int threads) {
  const auto reserve = [](AlignedBuffer<float>& buffer, int64_t count) {
    buffer.reserve(static_cast<size_t>(count));
  };
  const int64_t C = config.width;
  const int64_t F = config.ffn_width;
  const int64_t D = config.head_width;
  const int64_t HD = config.heads * D;
  rows = plan.rows();
  reserve(hidden_TC, rows * C);
  reserve(query_HTD, rows * HD);
  reserve(mixed_THD, rows * HD);
  keys.prepare(config, prompt, plan);
  if (workers.size() < static_cast<size_t>(threads)) workers.resize(static_cast<size_t>(threads));
  for (WorkerScratch& worker : workers) worker.finite = true;
  const int64_t attention =
      std::max(kernels::attend_scratch(D), kernels::read_scratch(D, keys.most_keys_seen()));
  for (int i = 0; i < threads; ++i) {
    WorkerScratch& worker = workers[static_cast<size_t>(i)];
    reserve(worker.normed, kRowTile * C);
    reserve(worker.keys, config.kv_heads * kRowTile * D);
    reserve(worker.values, config.kv_heads * kRowTile * D);
    reserve(worker.projected, kRowTile * std::max({C, F, HD, config.expert_width, config.experts}));
    reserve(worker.gate, kRowTile * std::max(F, config.expert_width));
    reserve(worker.pieces, 2 * kRowTile * kMostColumns);
    reserve(worker.queries, 2 * kernels::kAttendRows * D);
    reserve(worker.attention, attention);
  }
}

}  // namespace headwise
