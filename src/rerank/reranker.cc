// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Prompt -> pass -> scores -> order.
#include "headwise/reranker.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>
#include <random>

#include "base/check.h"
#include "model/decoder.h"
#include "rerank/fusion.h"
#include "rerank/prompt_builder.h"
#include "rerank/scoring.h"

namespace headwise {
namespace {

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// A permutation that depends on seed and query alone: the same on every machine, another one for every query.
std::vector<int> shuffled(std::vector<int> order, uint64_t seed, std::string_view query) {
  uint64_t hash = 14695981039346656037ULL ^ seed;
  for (char c : query) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  std::mt19937_64 random(hash);
  for (size_t i = order.size(); i > 1; --i) {
    // The modulo's bias is below 2^-50 for any list that fits a prompt.
    std::swap(order[i - 1], order[static_cast<size_t>(random() % i)]);
  }
  return order;
}

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
  if (options.block_span > 0 && options.encoding != Encoding::kBlocks) {
    return fail(ErrorCode::kUsage, "--block-span belongs to --encoding blocks");
  }
  if (!std::isfinite(options.fusion_weight))
    return fail(ErrorCode::kUsage, "the weight of --fuse must be a number");
  return {};
}

// The heads of one pass; no weights: 1 each.
struct ReadHeads {
  std::span<const HeadId> heads;
  std::span<const double> weights;
};

}  // namespace

class Reranker::Impl {
 public:
  Impl(std::shared_ptr<const Model> shared_model, RerankerOptions chosen, std::vector<HeadId> selected,
       PromptRules prompt_rules, Decoder made)
      : model(std::move(shared_model)),
        options(std::move(chosen)),
        heads(std::move(selected)),
        rules(std::move(prompt_rules)),
        decoder(std::move(made)) {}

  // One pass. `after_sum` (may be null) gets the passage scores of filter_after_sum.
  Result<HeadScores> read(const ReadHeads& wanted, std::string_view query, std::span<const Passage> passages,
                          bool content_free, std::vector<double>* after_sum, ProgressSink* progress);
  Result<Ranking> rank(const ReadHeads& wanted, std::string_view query, std::span<const Passage> passages,
                       ProgressSink* progress);

  ReadHeads own_heads() const { return {heads, options.heads.weights}; }

  std::shared_ptr<const Model> model;
  RerankerOptions options;
  std::vector<HeadId> heads;
  PromptRules rules;
  Decoder decoder;
};

Result<HeadScores> Reranker::Impl::read(const ReadHeads& wanted, std::string_view query,
                                        std::span<const Passage> passages, bool content_free,
                                        std::vector<double>* after_sum, ProgressSink* progress) {
  const auto start = std::chrono::steady_clock::now();
  rules.content_free = content_free;
  const std::vector<int> order = prompt_order(options, passages.size(), query);
  auto prompt = build_prompt(model->tokenizer(), rules, query, passages, order);
  HW_RETURN_IF_ERROR(prompt);
  HeadScores scores;
  scores.heads.assign(wanted.heads.begin(), wanted.heads.end());
  scores.passages = static_cast<int64_t>(passages.size());
  scores.prompt_order = order;
  RankingStatistics& statistics = scores.statistics;
  statistics.prompt_tokens = prompt->layout.tokens();
  statistics.passage_tokens = prompt->passage_tokens;
  statistics.truncated_passages = prompt->truncated_passages;
  statistics.heads_read = static_cast<int>(wanted.heads.size());
  statistics.tokenize_seconds = seconds_since(start);

  ScoreCollector collector(*prompt, wanted.heads, options.token_filter);
  if (after_sum != nullptr) {
    std::vector<double> weights(wanted.weights.begin(), wanted.weights.end());
    weights.resize(wanted.heads.size(), 1.0);
    collector.keep_token_sums(std::move(weights));
  }
  const RowGroup groups[] = {prompt->shared_rows, prompt->query_rows, prompt->content_free_rows};
  DecodeRequest request;
  request.prompt = &prompt->layout;
  request.heads = wanted.heads;
  request.rows = std::span(groups, content_free ? 3 : 2);
  request.full_depth = options.full_depth;
  request.on_layer = [&](const LayerAttention& attention) { collector.add(attention); };
  request.progress = progress;
  const auto pass_start = std::chrono::steady_clock::now();
  auto decoded = decoder.run(request);
  HW_RETURN_IF_ERROR(decoded);
  statistics.read_seconds = decoded->read_seconds;
  statistics.prefill_seconds = seconds_since(pass_start) - decoded->read_seconds;
  statistics.layers_run = decoded->layers_run;
  scores.values = collector.take_values();
  for (float value : scores.values) {
    if (!std::isfinite(value)) {
      return fail(ErrorCode::kInvalidInput,
                  "the model gives attention that is not a number; its weights are damaged or overflow fp32");
    }
  }
  if (after_sum != nullptr) *after_sum = collector.scores_filtered_after_sum();
  return scores;
}

Result<Reranker> Reranker::create(std::shared_ptr<const Model> model, RerankerOptions options) {
  HW_RETURN_IF_ERROR(check_options(options));
  const ModelConfig& config = model->config();
  auto heads = options.heads.resolve(static_cast<int>(config.layers), static_cast<int>(config.heads));
  HW_RETURN_IF_ERROR(heads);
  PromptRules rules;
  const char* usual = options.encoding == Encoding::kBlocks ? "blocks" : "default";
  auto wording = find_prompt_template(options.prompt_template.empty() ? usual : options.prompt_template);
  HW_RETURN_IF_ERROR(wording);
  if (options.encoding == Encoding::kBlocks && wording->marker.find("{n}") != std::string::npos) {
    return fail(ErrorCode::kUsage,
                "template '" + wording->name +
                    "' numbers its passages, which --encoding blocks cannot: there they have no "
                    "order; use --template blocks or --encoding list");
  }
  auto chat = find_chat_format(model->tokenizer(), options.chat_format);
  HW_RETURN_IF_ERROR(chat);
  rules.wording = std::move(*wording);
  rules.chat = std::move(*chat);
  rules.encoding = options.encoding;
  rules.rows = options.rows.value_or(rules.wording.rows);
  rules.max_words = options.max_words;
  rules.max_tokens = options.max_tokens;
  rules.block_span = options.block_span;
  rules.context = config.context;
  rules.max_prompt_tokens = options.max_prompt_tokens;
  // Shares the model's ownership: the weights live as long as the decoder does.
  auto decoder =
      Decoder::create(std::shared_ptr<const ModelWeights>(model, &model->weights()), options.threads);
  HW_RETURN_IF_ERROR(decoder);
  return Reranker(std::make_unique<Impl>(std::move(model), std::move(options), std::move(*heads),
                                         std::move(rules), std::move(*decoder)));
}

Reranker::Reranker(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Reranker::Reranker(Reranker&&) noexcept = default;
Reranker& Reranker::operator=(Reranker&&) noexcept = default;
Reranker::~Reranker() = default;

const RerankerOptions& Reranker::options() const { return impl_->options; }
const Model& Reranker::model() const { return *impl_->model; }
const std::vector<HeadId>& Reranker::heads() const { return impl_->heads; }
int Reranker::deepest_layer() const {
  return std::max_element(impl_->heads.begin(), impl_->heads.end())->layer;
}

Result<HeadScores> Reranker::head_scores(std::string_view query, std::span<const Passage> passages,
                                         ProgressSink* progress) {
  return impl_->read(impl_->own_heads(), query, passages, true, nullptr, progress);
}

Result<Ranking> Reranker::rank(std::string_view query, std::span<const Passage> passages,
                               ProgressSink* progress) {
  return impl_->rank(impl_->own_heads(), query, passages, progress);
}

Result<Ranking> Reranker::rank_with(std::span<const HeadId> heads, std::string_view query,
                                    std::span<const Passage> passages, ProgressSink* progress) {
  HeadSelection selection;
  selection.kind = HeadSelection::Kind::kList;
  selection.list.assign(heads.begin(), heads.end());
  const ModelConfig& config = impl_->model->config();
  const auto resolved = selection.resolve(static_cast<int>(config.layers), static_cast<int>(config.heads));
  HW_RETURN_IF_ERROR(resolved);
  return impl_->rank({*resolved, {}}, query, passages, progress);
}

Result<Ranking> Reranker::Impl::rank(const ReadHeads& wanted, std::string_view query,
                                     std::span<const Passage> passages, ProgressSink* progress) {
  std::vector<double> first_stage;
  if (options.fusion != Fusion::kNone) {
    for (const Passage& passage : passages) {
      if (!passage.first_stage_score) {
        return fail(ErrorCode::kUsage,
                    "--fuse needs the first stage's score of every passage; give a run with "
                    "scores, or \"score\" fields in the documents");
      }
      first_stage.push_back(*passage.first_stage_score);
    }
  }
  std::vector<double> after_sum;
  auto scores = read(wanted, query, passages, options.calibration != Calibration::kNone,
                     options.filter_after_sum ? &after_sum : nullptr, progress);
  HW_RETURN_IF_ERROR(scores);
  std::vector<double> total = options.filter_after_sum
                                  ? std::move(after_sum)
                                  : combine_heads(*scores, options.calibration, wanted.weights);
  if (options.fusion == Fusion::kWeighted) total = fuse_weighted(total, first_stage, options.fusion_weight);
  if (options.fusion == Fusion::kReciprocalRank) total = fuse_reciprocal_ranks(total, first_stage);
  Ranking ranking;
  ranking.heads = std::move(scores->heads);
  ranking.statistics = scores->statistics;
  for (int index : descending_order(total)) {
    ranking.passages.push_back({index, total[static_cast<size_t>(index)]});
  }
  if (options.top_k > 0 && ranking.passages.size() > static_cast<size_t>(options.top_k)) {
    ranking.passages.resize(static_cast<size_t>(options.top_k));
  }
  return ranking;
}

}  // namespace headwise
