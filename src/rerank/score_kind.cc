// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "headwise/score_kind.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "headwise/reranker.h"
#include "rerank/answer.h"
#include "rerank/option_words.h"

namespace headwise {
namespace {

void softmax(std::span<ScoredPassage> hits) {
  const double high = hits.front().score;
  double sum = 0.0;
  for (ScoredPassage& hit : hits) sum += hit.score = std::exp(hit.score - high);
  for (ScoredPassage& hit : hits) hit.score /= sum;
}

void minmax(std::span<ScoredPassage> hits) {
  const double high = hits.front().score;
  const double low = hits.back().score;
  for (ScoredPassage& hit : hits) hit.score = high > low ? (hit.score - low) / (high - low) : 1.0;
}

Status relevance(std::span<ScoredPassage> hits) {
  const auto lacks = [](const ScoredPassage& hit) { return !hit.relevance.has_value(); };
  if (std::any_of(hits.begin(), hits.end(), lacks)) {
    return relevance_unknown();
  }
  for (ScoredPassage& hit : hits) hit.score = *hit.relevance;
  return {};
}

}  // namespace

tl::unexpected<Error> relevance_unknown() {
  return fail(
      ErrorCode::kUsage,
      "relevance needs heads that have a fit of it, read as it was fitted, without --router and --fuse; "
      "take raw, softmax or minmax, or fit it with `headwise heads calibrate`");
}

std::string_view to_string(ScoreKind kind) { return word_of(kScoreWords, kind); }

Result<ScoreKind> parse_score_kind(std::string_view word) {
  if (const auto kind = meaning_of(kScoreWords, word)) return *kind;
  std::string known;
  for (const std::string& name : score_kind_words()) known += (known.empty() ? "" : ", ") + name;
  return fail(ErrorCode::kUsage, "expected one of " + known + "; found '" + std::string(word) + "'");
}

std::vector<std::string> score_kind_words() { return words_of(kScoreWords); }

Status express_scores(ScoreKind kind, std::span<ScoredPassage> hits) {
  if (kind == ScoreKind::kRaw) return {};
  // Those that nothing was read of stand last; their raw score is a place in the order and no reading.
  const auto unread =
      std::find_if(hits.begin(), hits.end(), [](const ScoredPassage& hit) { return hit.empty; });
  const std::span<ScoredPassage> read = hits.first(static_cast<size_t>(unread - hits.begin()));
  if (kind == ScoreKind::kRelevance) HW_RETURN_IF_ERROR(relevance(read));
  if (kind == ScoreKind::kSoftmax && !read.empty()) softmax(read);
  if (kind == ScoreKind::kMinmax && !read.empty()) minmax(read);
  for (ScoredPassage& hit : hits.subspan(read.size())) hit.score = 0.0;
  return {};
}

void leave_out_below(double least, std::vector<ScoredPassage>& hits) {
  std::erase_if(hits, [least](const ScoredPassage& hit) { return hit.score < least; });
}

}  // namespace headwise
