// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "rerank/reading.h"

#include <cmath>
#include <utility>

namespace headwise {
namespace {

HeadScores scores_of(HeadScores scores, std::span<const int> best) {
  const auto parts = static_cast<size_t>(scores.passages);
  const size_t rows = parts == 0 ? 3 * scores.heads.size() : scores.values.size() / parts;
  std::vector<float> values(rows * best.size(), 0.0f);
  for (size_t row = 0; row < rows; ++row) {
    for (size_t passage = 0; passage < best.size(); ++passage) {
      if (best[passage] < 0) continue;
      values[row * best.size() + passage] = scores.values[row * parts + static_cast<size_t>(best[passage])];
    }
  }
  scores.values = std::move(values);
  scores.passages = static_cast<int64_t>(best.size());
  return scores;
}

// `best`: by passage, the place of its best part.
std::vector<ScoredPassage> scored_by(std::span<const PassagePart> parts, std::span<const double> scores,
                                     std::span<const int> best) {
  std::vector<ScoredPassage> scored(best.size());
  for (size_t i = 0; i < best.size(); ++i) {
    scored[i].index = static_cast<int>(i);
    scored[i].empty = best[i] < 0;
    if (scored[i].empty) continue;
    const auto part = static_cast<size_t>(best[i]);
    scored[i].score = scores[part];
    scored[i].truncated = parts[part].truncated;
    scored[i].window = parts[part].window;
  }
  return scored;
}

}  // namespace

Status check_finite(const HeadScores& scores) {
  for (const float value : scores.values) {
    if (std::isfinite(value)) continue;
    return fail(ErrorCode::kInvalidInput,
                "the model gives attention that is not a number; its weights are damaged or overflow fp32");
  }
  return {};
}

std::vector<ScoredPassage> scored_passages(std::span<const PassagePart> parts, std::span<const double> scores,
                                           size_t passages) {
  return scored_by(parts, scores, best_parts(parts, scores, passages));
}

RequestReading of_passages(PartsReading reading, std::span<const PassagePart> parts, size_t passages,
                           const ExplainOptions* explain) {
  const std::vector<int> best = best_parts(parts, reading.totals, passages);
  RequestReading whole;
  whole.passages = scored_by(parts, reading.totals, best);
  for (size_t i = 0; explain != nullptr && i < passages; ++i) {
    const ScoredPassage& passage = whole.passages[i];
    ExplainedPassage& explained = whole.explained.emplace_back();
    if (passage.empty) {
      explained.head_shares.resize(reading.scores.heads.size());
      if (explain->per_head) explained.heads.resize(reading.scores.heads.size());
    } else {
      explained = std::move(reading.explained[static_cast<size_t>(best[i])]);
    }
    explained.index = passage.index;
    explained.truncated = passage.truncated;
    explained.empty = passage.empty;
    explained.window = passage.window;
  }
  whole.scores = scores_of(std::move(reading.scores), best);
  return whole;
}

void count_parts(std::span<const PassagePart> parts, size_t passages, RankingStatistics& statistics) {
  std::vector<bool> read(passages), cut(passages);
  for (const PassagePart& part : parts) {
    const auto passage = static_cast<size_t>(part.passage);
    read[passage] = true;
    cut[passage] = cut[passage] || part.truncated;
    statistics.windows += part.window ? 1 : 0;
  }
  for (size_t i = 0; i < passages; ++i) {
    statistics.empty_passages += read[i] ? 0 : 1;
    statistics.truncated_passages += cut[i] ? 1 : 0;
  }
}

}  // namespace headwise
