// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "rerank/reranker_options.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>
#include <string>
#include <utility>

#include "base/check.h"
#include "base/fnv.h"
#include "base/shuffle.h"
#include "rerank/answer.h"
#include "rerank/passage_keeper.h"

namespace headwise {
namespace {

// A permutation that depends on seed and query alone: the same on every machine, another one for every query.
std::vector<int> shuffled(std::vector<int> order, uint64_t seed, std::string_view query) {
  Fnv hash(seed);
  hash.add(std::span<const char>(query));
  std::mt19937_64 random(hash.value());
  shuffle(order, random);
  return order;
}

Status check_relevance(const RerankerOptions& options) {
  if (options.relevance) HW_RETURN_IF_ERROR(check_relevance_fit(*options.relevance));
  if (options.relevance && options.fusion != Fusion::kNone) {
    return fail(ErrorCode::kUsage, "relevance is fitted to the model's own scores; leave --fuse out");
  }
  if (options.score != ScoreKind::kRelevance || options.relevance) return {};
  return relevance_unknown();
}

}  // namespace

std::vector<int> prompt_order(const RerankerOptions& options, size_t passages, std::string_view query) {
  std::vector<int> order(passages);
  std::iota(order.begin(), order.end(), 0);
  if (options.order == CandidateOrder::kReversed) std::reverse(order.begin(), order.end());
  if (options.order == CandidateOrder::kShuffled) return shuffled(std::move(order), options.seed, query);
  return order;
}

Status check_options(const RerankerOptions& options) {
  if (options.filter_after_sum && options.calibration != Calibration::kNa) {
    return fail(ErrorCode::kUsage,
                "--filter-after-sum works on content-free calibration; add --calibration na");
  }
  const std::pair<const char*, int64_t> counts[] = {
      {"--max-words", options.max_words},   {"--max-tokens", options.max_tokens},
      {"--block-span", options.block_span}, {"--top-k", options.top_k},
      {"--threads", options.threads},       {"max_prompt_tokens", options.max_prompt_tokens}};
  for (const auto& [name, value] : counts) {
    if (value < 0) return fail(ErrorCode::kUsage, std::string(name) + " must not be negative");
  }
  if (options.max_windows < 1) {
    return fail(ErrorCode::kUsage, "--max-windows must be at least 1; --long cut reads no windows");
  }
  if (options.block_span > 0 && options.encoding != Encoding::kBlocks) {
    return fail(ErrorCode::kUsage, "--block-span belongs to --encoding blocks");
  }
  if (!std::isfinite(options.fusion_weight))
    return fail(ErrorCode::kUsage, "the weight of --fuse must be a number");
  HW_RETURN_IF_ERROR(check_min_score(options.min_score, options.score));
  HW_RETURN_IF_ERROR(check_relevance(options));
  return check_keep_options(options);
}

}  // namespace headwise
