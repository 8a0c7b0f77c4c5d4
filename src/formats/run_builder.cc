// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "formats/run_builder.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "formats/text_lines.h"

namespace headwise {
namespace {

// The first pair of places that hold the same document, in order of their lines.
Status reject_duplicates(const RunQuery& query, const std::vector<size_t>& lines, std::string_view source) {
  std::vector<size_t> order(query.entries.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    int compared = query.entries[a].id.compare(query.entries[b].id);
    return compared != 0 ? compared < 0 : a < b;
  });
  for (size_t i = 1; i < order.size(); ++i) {
    const size_t first = order[i - 1], second = order[i];
    if (query.entries[first].id != query.entries[second].id) continue;
    return fail_at_line(source, lines[second],
                        "document " + in_quotes(query.entries[second].id) + " is given twice for query " +
                            in_quotes(query.id) + ", first on line " + std::to_string(lines[first]) +
                            ": a run holds each document once a query");
  }
  return {};
}

}  // namespace

bool fits_float(double score) {
  return std::abs(score) <= static_cast<double>(std::numeric_limits<float>::max());
}

Status RunBuilder::add(std::string_view query, std::string_view document, double score, size_t line) {
  if (query.empty() || document.empty()) {
    return fail_at_line(source_, line,
                        query.empty() ? "the query's id is empty" : "the document's id is empty");
  }
  if (!fits_float(score)) {
    return fail_at_line(source_, line,
                        "the score of document " + in_quotes(document) + " for query " + in_quotes(query) +
                            " is not a finite number within the range of a 32-bit float");
  }
  if (run_.queries.empty() || run_.queries[last_].id != query) {
    auto [place, added] = places_.emplace(std::string(query), run_.queries.size());
    if (added) {
      run_.queries.push_back({std::string(query), {}});
      lines_.emplace_back();
    }
    last_ = place->second;
  }
  run_.queries[last_].entries.push_back({std::string(document), score, 0});
  lines_[last_].push_back(line);
  return {};
}

Result<Run> RunBuilder::finish(std::string name) {
  if (run_.queries.empty()) {
    return fail(ErrorCode::kInvalidInput, source_ +
                                              ": holds no results: expected a run (TREC, MS MARCO, "
                                              "JSONL, RankLLM or ICR), found an empty file");
  }
  for (size_t i = 0; i < run_.queries.size(); ++i) {
    Status unique = reject_duplicates(run_.queries[i], lines_[i], source_);
    if (!unique) return fail(std::move(unique.error()));
    sort_like_trec_eval(run_.queries[i]);
  }
  run_.name = std::move(name);
  return std::move(run_);
}

void sort_like_trec_eval(RunQuery& query) {
  std::sort(query.entries.begin(), query.entries.end(), [](const RunEntry& a, const RunEntry& b) {
    // trec_eval keeps scores as floats: two that differ only as doubles are a tie there.
    const float score_a = static_cast<float>(a.score), score_b = static_cast<float>(b.score);
    return score_a != score_b ? score_a > score_b : a.id > b.id;
  });
  int rank = 0;
  for (RunEntry& entry : query.entries) entry.rank = ++rank;
}

}  // namespace headwise
