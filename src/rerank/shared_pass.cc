// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "rerank/shared_pass.h"

#include <algorithm>

namespace headwise {

std::vector<RowGroup> row_groups(const BuiltPrompt& prompt) {
  std::vector<RowGroup> groups{prompt.shared_rows, prompt.query_rows.front()};
  const bool several = prompt.query_rows.size() > 1;
  if (several || prompt.content_free_rows.tokens > 0) groups.push_back(prompt.content_free_rows);
  groups.insert(groups.end(), prompt.query_rows.begin() + 1, prompt.query_rows.end());
  return groups;
}

RankingStatistics share_of(RankingStatistics whole, const BuiltPrompt& prompt, size_t query) {
  const std::vector<int>& queries = prompt.segments.queries;
  const auto count = static_cast<double>(queries.size());
  const int64_t own = prompt.layout.segment(queries[query]).tokens;
  for (size_t q = 0; q < queries.size(); ++q) {
    const int64_t tokens = prompt.layout.segment(queries[q]).tokens;
    if (q != query) whole.prompt_tokens -= tokens;
    if (q > 0) whole.tokens_run -= tokens;
  }
  if (query > 0) {
    whole.tokens_run = own;
    whole.passages_kept = static_cast<int64_t>(prompt.spans.size());
  }
  for (double* seconds : {&whole.tokenize_seconds, &whole.prefill_seconds, &whole.read_seconds}) {
    *seconds /= count;
  }
  return whole;
}

bool same_passages(std::span<const Passage> a, std::span<const Passage> b) {
  if (a.data() == b.data() && a.size() == b.size()) return true;
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const Passage& x, const Passage& y) {
    return x.text == y.text && x.title == y.title;
  });
}

}  // namespace headwise
