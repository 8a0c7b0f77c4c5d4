// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "rerank/final_scores.h"

#include <algorithm>

#include "rerank/answer.h"

namespace headwise {
namespace {

std::optional<FusionParts> fuse(const RerankerOptions& options, std::span<const double> first_stage,
                                std::span<ScoredPassage> passages, std::span<const size_t> read) {
  if (options.fusion == Fusion::kNone) return std::nullopt;
  std::vector<double> ours, theirs;
  for (const size_t place : read) {
    ours.push_back(passages[place].score);
    theirs.push_back(first_stage[place]);
  }
  const FusionParts parts = fusion_parts(options, ours, theirs);
  const std::vector<double> sums = parts.sums();
  FusionParts all{.ours = std::vector<double>(passages.size()),
                  .first_stage = std::vector<double>(passages.size())};
  for (size_t i = 0; i < read.size(); ++i) {
    passages[read[i]].score = sums[i];
    all.ours[read[i]] = parts.ours[i];
    all.first_stage[read[i]] = parts.first_stage[i];
  }
  return all;
}

double score_of_empty(std::span<const ScoredPassage> passages, std::span<const size_t> read) {
  if (read.empty()) return 0.0;
  const auto [low, high] = std::minmax_element(
      read.begin(), read.end(), [&](size_t a, size_t b) { return passages[a].score < passages[b].score; });
  const double lowest = passages[*low].score;
  const double spread = passages[*high].score - lowest;
  return lowest - (spread > 0.0 ? spread / static_cast<double>(read.size() - 1) : 1.0);
}

}  // namespace

std::optional<FusionParts> finish_scores(const RerankerOptions& options, std::span<const double> first_stage,
                                         std::span<ScoredPassage> passages) {
  std::vector<size_t> read;
  for (size_t place = 0; place < passages.size(); ++place) {
    if (!passages[place].empty) read.push_back(place);
  }
  auto fused = fuse(options, first_stage, passages, read);
  if (read.size() == passages.size()) return fused;
  const double score = score_of_empty(passages, read);
  for (ScoredPassage& passage : passages) {
    if (passage.empty) passage.score = score;
  }
  return fused;
}

void set_relevance(const RerankerOptions& options, bool own_heads, const RequestFacts& facts,
                   std::span<ScoredPassage> passages) {
  std::vector<double> read;
  for (const ScoredPassage& passage : passages) {
    if (!passage.empty) read.push_back(passage.score);
  }
  const std::vector<double> relevance = known_relevance(options, own_heads, facts, read);
  if (relevance.empty()) return;
  size_t place = 0;
  for (ScoredPassage& passage : passages) passage.relevance = passage.empty ? 0.0 : relevance[place++];
}

}  // namespace headwise
