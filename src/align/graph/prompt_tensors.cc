// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "align/graph/prompt_tensors.h"

#include <algorithm>
#include <vector>

#include "base/check.h"

namespace headwise {
namespace {

using torch::Tensor;

// Segments of a prompt as a padded table of tokens, and where in the flat table each token stands.
struct TokenTable {
  Tensor tokens;  // [segments, longest]
  Tensor places;  // [tokens of all]
  int64_t longest = 0;
};

TokenTable token_table(const std::vector<PromptSegment>& segments) {
  TokenTable table;
  for (const PromptSegment& segment : segments) table.longest = std::max(table.longest, segment.tokens);
  std::vector<int64_t> tokens;
  std::vector<int64_t> places;
  for (size_t s = 0; s < segments.size(); ++s) {
    const PromptSegment& segment = segments[s];
    for (int64_t i = 0; i < table.longest; ++i) {
      tokens.push_back(segment.token_begin + std::min(i, segment.tokens - 1));
      if (i < segment.tokens) places.push_back(static_cast<int64_t>(s) * table.longest + i);
    }
  }
  table.tokens =
      torch::tensor(tokens, torch::kInt64).view({static_cast<int64_t>(segments.size()), table.longest});
  table.places = torch::tensor(places, torch::kInt64);
  return table;
}

}  // namespace

PromptTensors prompt_tensors(const BuiltPrompt& prompt, const torch::Device& device) {
  const PromptLayout& layout = prompt.layout;
  std::vector<RowGroup> rows = prompt.query_rows;
  PromptTensors tensors;
  tensors.content_free = prompt.content_free_rows.tokens > 0;
  if (tensors.content_free) rows.push_back(prompt.content_free_rows);

  const PromptSegments& named = prompt.segments;
  std::vector<PromptSegment> queries;
  for (const int query : named.queries) queries.push_back(layout.segment(query));
  if (named.content_free) queries.push_back(layout.segment(*named.content_free));
  tensors.query_begin = queries.front().token_begin;
  tensors.instruction_begin = prompt.shared_rows.token_begin;
  tensors.shared_rows = prompt.shared_rows.tokens;
  const bool blocks = named.instruction != named.prefix;
  tensors.base = blocks ? layout.segment(named.prefix).tokens : tensors.instruction_begin;
  HW_CHECK(tensors.shared_rows == 0 || tensors.shared_rows == tensors.instruction());
  if (blocks) {
    std::vector<int> order = named.passages;  // as they stand in the prompt
    std::sort(order.begin(), order.end());
    std::vector<PromptSegment> passages;
    for (const int passage : order) passages.push_back(layout.segment(passage));
    const TokenTable slots = token_table(passages);
    tensors.slot_tokens = slots.tokens.to(device);
    tensors.slot_places = slots.places.to(device);
  }
  const TokenTable query_table = token_table(queries);
  tensors.query_tokens = query_table.tokens.to(device);
  tensors.query_places = query_table.places.to(device);
  tensors.query_rows = (query_table.tokens - tensors.query_begin).to(device);
  Tensor read = torch::zeros({static_cast<int64_t>(rows.size()), layout.tokens() - tensors.query_begin});
  Tensor count = torch::zeros({static_cast<int64_t>(rows.size())});
  for (size_t q = 0; q < rows.size(); ++q) {
    HW_CHECK(rows[q].token_begin == queries[q].token_begin);
    const int64_t first = rows[q].token_begin - tensors.query_begin;
    read[static_cast<int64_t>(q)].slice(0, first, first + rows[q].tokens).fill_(1.0);
    count[static_cast<int64_t>(q)] = static_cast<float>(rows[q].tokens + tensors.shared_rows);
  }
  tensors.rows_read = read.to(device);
  tensors.row_count = count.to(device);

  std::vector<int64_t> summed;
  std::vector<int64_t> owners;
  std::vector<float> counts;
  for (size_t p = 0; p < prompt.spans.size(); ++p) {
    const TokenSpan& span = prompt.spans[p];
    for (int64_t i = 0; i < span.tokens; ++i) {
      summed.push_back(layout.token_of(span) + i);
      owners.push_back(static_cast<int64_t>(p));
    }
    counts.push_back(static_cast<float>(span.tokens));
  }
  tensors.summed_tokens = torch::tensor(summed, torch::kInt64).to(device);
  tensors.summed_passages = torch::tensor(owners, torch::kInt64).to(device);
  tensors.tokens_of = torch::tensor(counts).to(device);
  tensors.ids =
      torch::tensor(std::vector<int64_t>(layout.ids.begin(), layout.ids.end()), torch::kInt64).to(device);
  tensors.positions =
      torch::tensor(std::vector<int64_t>(layout.positions.begin(), layout.positions.end()), torch::kInt64)
          .to(device);
  return tensors;
}

PromptTensors without_slots(const PromptTensors& prompt) {
  PromptTensors rows = prompt;
  const int64_t left_out = prompt.instruction_begin - prompt.base;
  rows.instruction_begin -= left_out;
  rows.query_begin -= left_out;
  rows.query_tokens = prompt.query_tokens - left_out;
  return rows;
}

Tensor leave_slots_out(const Tensor& x, const PromptTensors& prompt) {
  return torch::cat({x.slice(0, 0, prompt.base), x.slice(0, prompt.instruction_begin)}, 0);
}

PromptTensors rows_alone(const PromptTensors& prompt) {
  PromptTensors rows = without_slots(prompt);
  rows.ids = leave_slots_out(prompt.ids, prompt);
  rows.positions = leave_slots_out(prompt.positions, prompt);
  rows.slot_tokens = Tensor();
  rows.slot_places = Tensor();
  return rows;
}

}  // namespace headwise
