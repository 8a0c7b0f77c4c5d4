// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Prompt -> pass -> scores -> order.
#include "headwise/reranker.h"

#include <algorithm>
#include <chrono>

#include "base/check.h"
#include "base/stopwatch.h"
#include "decoder/create.h"
#include "headwise/explanation.h"
#include "rerank/answer.h"
#include "rerank/attribution.h"
#include "rerank/final_scores.h"
#include "rerank/passage_keeper.h"
#include "rerank/prompt_builder.h"
#include "rerank/reading.h"
#include "rerank/reranker_options.h"
#include "rerank/scoring.h"
#include "rerank/shared_pass.h"

namespace headwise {
namespace {

// The heads of one pass, a weight each.
struct ReadHeads {
  std::vector<HeadId> heads;
  std::vector<double> weights;
  bool own = false;  // the options'
};

struct ReadWishes {
  ReadHeads heads;
  bool content_free = true;
  bool filter_after_sum = false;            // of the sums that the passages' scores are
  const ExplainOptions* explain = nullptr;  // RequestReading::explained
  std::string_view instruction{};           // empty: the options'
};

}  // namespace

class Reranker::Impl {
 public:
  Impl(std::shared_ptr<const Model> shared_model, RerankerOptions chosen, std::vector<HeadId> selected,
       PromptRules prompt_rules, std::unique_ptr<Decoder> made, std::unique_ptr<PassageKeeper> keeps)
      : model(std::move(shared_model)),
        options(std::move(chosen)),
        heads(std::move(selected)),
        rules(std::move(prompt_rules)),
        decoder(std::move(made)),
        keeper(std::move(keeps)) {
    if (keeper != nullptr) rules.known = &keeper->tokens();
  }

  Result<RequestReading> read(std::string_view query, std::span<const Passage> passages,
                              const ReadWishes& wishes, ProgressSink* progress);
  // One pass for several queries over the same passages; an explanation is of the first one.
  Result<std::vector<RequestReading>> read_all(std::span<const std::string_view> queries,
                                               std::span<const Passage> passages, const ReadWishes& wishes,
                                               ProgressSink* progress);
  // Where all passages are empty.
  std::vector<RequestReading> nothing_read(size_t queries, const std::vector<int>& order,
                                           const ReadWishes& wishes, RankingStatistics statistics) const;
  // Gives the pass what is kept of the prompt and says what it is to keep; nothing when it has no use for it.
  Result<std::optional<PassageKeeper::Part>> give_kept(const BuiltPrompt& prompt, DecodeRequest& request,
                                                       RankingStatistics& statistics);
  // For `rank` and `explain`: with `explain`, also what the scores are made of.
  Result<RequestReading> read_scores(ReadHeads wanted, const RankRequest& request,
                                     const ExplainOptions* explain, ProgressSink* progress);
  Result<Ranking> rank(ReadHeads wanted, const RankRequest& request, ProgressSink* progress);
  // `reading` and `asked` are of one request.
  Result<Ranking> ranked(RequestReading reading, const AnswerRules& asked) const;

  ReadHeads own_heads() const { return {heads, options.heads.weights_of(heads.size()), true}; }
  ReadWishes usual_wishes() const {
    return {.heads = own_heads(),
            .content_free = options.calibration != Calibration::kNone,
            .filter_after_sum = options.filter_after_sum,
            .explain = nullptr,
            .instruction = {}};
  }
  // A caller's own list, weights 1.
  Result<ReadHeads> listed_heads(std::span<const HeadId> list) const {
    HeadSelection selection;
    selection.kind = HeadSelection::Kind::kList;
    selection.list.assign(list.begin(), list.end());
    const ModelConfig& config = model->config();
    auto resolved = selection.resolve(static_cast<int>(config.layers), static_cast<int>(config.heads));
    HW_RETURN_IF_ERROR(resolved);
    return ReadHeads{std::move(*resolved), std::vector<double>(list.size(), 1.0)};
  }

  std::shared_ptr<const Model> model;
  RerankerOptions options;
  std::vector<HeadId> heads;
  PromptRules rules;
  std::unique_ptr<Decoder> decoder;
  std::unique_ptr<PassageKeeper> keeper;  // null: nothing is kept
};

Result<RequestReading> Reranker::Impl::read(std::string_view query, std::span<const Passage> passages,
                                            const ReadWishes& wishes, ProgressSink* progress) {
  auto readings = read_all(std::span(&query, 1), passages, wishes, progress);
  HW_RETURN_IF_ERROR(readings);
  return std::move(readings->front());
}

Result<std::vector<RequestReading>> Reranker::Impl::read_all(std::span<const std::string_view> queries,
                                                             std::span<const Passage> passages,
                                                             const ReadWishes& wishes,
                                                             ProgressSink* progress) {
  const auto start = std::chrono::steady_clock::now();
  rules.content_free = wishes.content_free;
  rules.instruction = wishes.instruction.empty() ? options.instruction : std::string(wishes.instruction);
  const std::vector<int> order = prompt_order(options, passages.size(), queries.front());
  auto prompt = build_prompt(model->tokenizer(), rules, queries, passages, order);
  HW_RETURN_IF_ERROR(prompt);
  RankingStatistics whole;
  whole.prompt_tokens = whole.tokens_run = prompt->layout.tokens();
  whole.passage_tokens = prompt->passage_tokens;
  count_parts(prompt->parts, passages.size(), whole);
  whole.heads_read = static_cast<int>(wishes.heads.heads.size());
  whole.tokenize_seconds = seconds_since(start);
  if (prompt->parts.empty()) return nothing_read(queries.size(), order, wishes, whole);

  std::vector<ScoreCollector> collectors;
  for (size_t q = 0; q < queries.size(); ++q) {
    collectors.emplace_back(*prompt, wishes.heads.heads, options.token_filter, q);
    if (wishes.filter_after_sum) collectors.back().keep_token_sums(wishes.heads.weights);
  }
  std::optional<Attribution> attribution;
  if (wishes.explain != nullptr) {
    attribution.emplace(*prompt, AttributionRules{.calibration = options.calibration,
                                                  .filter = options.token_filter,
                                                  .filter_after_sum = options.filter_after_sum,
                                                  .head_weights = wishes.heads.weights,
                                                  .per_head = wishes.explain->per_head});
    collectors.front().observe([&](const HeadReading& head) { attribution->add(head); });
  }
  const std::vector<RowGroup> groups = row_groups(*prompt);
  DecodeRequest request;
  request.prompt = &prompt->layout;
  request.heads = wishes.heads.heads;
  request.rows = groups;
  request.full_depth = options.full_depth;
  request.on_layer = [&](const LayerAttention& attention) {
    for (ScoreCollector& collector : collectors) collector.add(attention);
  };
  request.progress = progress;
  const auto pass_start = std::chrono::steady_clock::now();
  auto kept = give_kept(*prompt, request, whole);
  HW_RETURN_IF_ERROR(kept);
  auto decoded = decoder->run(request);
  HW_RETURN_IF_ERROR(decoded);
  if (*kept && !PassageKeeper::intact(**kept)) return read_all(queries, passages, wishes, progress);
  whole.read_seconds = decoded->read_seconds;
  whole.prefill_seconds = seconds_since(pass_start) - decoded->read_seconds;
  whole.layers_run = decoded->layers_run;
  std::vector<PartsReading> of_parts;
  for (size_t q = 0; q < queries.size(); ++q) {
    PartsReading& reading = of_parts.emplace_back();
    HeadScores& scores = reading.scores;
    scores.heads = wishes.heads.heads;
    scores.passages = static_cast<int64_t>(prompt->parts.size());
    scores.prompt_order = order;
    scores.statistics = share_of(whole, *prompt, q);
    scores.values = collectors[q].take_values();
    HW_RETURN_IF_ERROR(check_finite(scores));
    reading.totals = wishes.filter_after_sum
                         ? collectors[q].scores_filtered_after_sum()
                         : combine_heads(scores, options.calibration, wishes.heads.weights);
  }
  if (*kept) keeper->take(*prompt, **kept, *decoded);
  if (attribution) {
    PartsReading& reading = of_parts.front();
    reading.explained =
        attribution->finish(model->tokenizer(), reading.totals, collectors.front().token_sums());
  }
  std::vector<RequestReading> readings;
  for (PartsReading& reading : of_parts) {
    const RequestFacts facts = request_facts(reading.scores, wishes.heads.weights);
    readings.push_back(of_passages(std::move(reading), prompt->parts, passages.size(), wishes.explain));
    readings.back().facts = facts;
    set_relevance(options, wishes.heads.own, facts, readings.back().passages);
  }
  return readings;
}

std::vector<RequestReading> Reranker::Impl::nothing_read(size_t queries, const std::vector<int>& order,
                                                         const ReadWishes& wishes,
                                                         RankingStatistics statistics) const {
  statistics.prompt_tokens = statistics.tokens_run = 0;
  std::vector<RequestReading> readings;
  for (size_t q = 0; q < queries; ++q) {
    PartsReading reading;
    reading.scores.heads = wishes.heads.heads;
    reading.scores.prompt_order = order;
    reading.scores.statistics = statistics;
    readings.push_back(of_passages(std::move(reading), {}, order.size(), wishes.explain));
  }
  return readings;
}

Result<std::optional<PassageKeeper::Part>> Reranker::Impl::give_kept(const BuiltPrompt& prompt,
                                                                     DecodeRequest& request,
                                                                     RankingStatistics& statistics) {
  if (keeper == nullptr || options.full_depth || !keeper->serves(request.heads)) return std::nullopt;
  auto part = keeper->prepare(prompt, request.progress);
  HW_RETURN_IF_ERROR(part);
  statistics.tokens_run = part->tokens_run;
  statistics.passages_kept = part->passages_kept;
  std::optional<PassageKeeper::Part> kept(std::move(*part));
  request.given = kept->given;
  request.keep = kept->keep;
  request.keep_until = kept->keep_until;
  request.late = kept->late;
  return kept;
}

Result<RequestReading> Reranker::Impl::read_scores(ReadHeads wanted, const RankRequest& request,
                                                   const ExplainOptions* explain, ProgressSink* progress) {
  ReadWishes wishes = usual_wishes();
  wishes.heads = std::move(wanted);
  wishes.explain = explain;
  wishes.instruction = request.instruction;
  return read(request.query, request.passages, wishes, progress);
}

Result<Reranker> Reranker::create(std::shared_ptr<const Model> model, RerankerOptions options) {
  HW_RETURN_IF_ERROR(check_options(options));
  const ModelConfig& config = model->config();
  auto heads = options.heads.resolve(static_cast<int>(config.layers), static_cast<int>(config.heads));
  HW_RETURN_IF_ERROR(heads);
  auto rules = prompt_rules(*model, options);
  HW_RETURN_IF_ERROR(rules);
  rules->leave_out_empty = true;
  auto decoder = create_decoder(model, {.threads = options.threads, .device = options.device});
  HW_RETURN_IF_ERROR(decoder);
  const int deepest = std::max_element(heads->begin(), heads->end())->layer;
  HW_RETURN_IF_ERROR((*decoder)->prepare(options.full_depth ? static_cast<int>(config.layers) : deepest + 1));
  auto keeper = PassageKeeper::open(model, options, *rules, deepest, **decoder);
  HW_RETURN_IF_ERROR(keeper);
  return Reranker(std::make_unique<Impl>(std::move(model), std::move(options), std::move(*heads),
                                         std::move(*rules), std::move(*decoder), std::move(*keeper)));
}

Reranker::Reranker(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Reranker::Reranker(Reranker&&) noexcept = default;
Reranker& Reranker::operator=(Reranker&&) noexcept = default;
Reranker::~Reranker() = default;

Result<KeepReport> Reranker::keep_passages(std::span<const Passage> passages, ProgressSink* progress) {
  if (impl_->keeper == nullptr) {
    return fail(ErrorCode::kUsage,
                "nothing is kept by this engine; give --keep-memory or --keep, and --encoding blocks");
  }
  return impl_->keeper->build(impl_->rules, passages, progress);
}
KeepStatistics Reranker::kept() const {
  return impl_->keeper == nullptr ? KeepStatistics{} : impl_->keeper->statistics();
}

const RerankerOptions& Reranker::options() const { return impl_->options; }
DecoderDescription Reranker::decoder() const { return impl_->decoder->describe(); }
const Model& Reranker::model() const { return *impl_->model; }
const std::vector<HeadId>& Reranker::heads() const { return impl_->heads; }
int Reranker::deepest_layer() const {
  return std::max_element(impl_->heads.begin(), impl_->heads.end())->layer;
}

Result<HeadScores> Reranker::head_scores(std::string_view query, std::span<const Passage> passages,
                                         ProgressSink* progress) {
  auto reading = impl_->read(
      query, passages, {.heads = impl_->own_heads(), .filter_after_sum = impl_->options.filter_after_sum},
      progress);
  HW_RETURN_IF_ERROR(reading);
  return std::move(reading->scores);
}

Result<Ranking> Reranker::rank(std::string_view query, std::span<const Passage> passages,
                               ProgressSink* progress) {
  return impl_->rank(impl_->own_heads(), {query, passages}, progress);
}

Result<Ranking> Reranker::rank(const RankRequest& request, ProgressSink* progress) {
  return impl_->rank(impl_->own_heads(), request, progress);
}

Result<Ranking> Reranker::rank_with(std::span<const HeadId> heads, std::string_view query,
                                    std::span<const Passage> passages, ProgressSink* progress) {
  return rank_with(heads, {query, passages}, progress);
}

Result<Ranking> Reranker::rank_with(std::span<const HeadId> heads, const RankRequest& request,
                                    ProgressSink* progress) {
  auto wanted = impl_->listed_heads(heads);
  HW_RETURN_IF_ERROR(wanted);
  return impl_->rank(std::move(*wanted), request, progress);
}

Result<Ranking> Reranker::Impl::rank(ReadHeads wanted, const RankRequest& request, ProgressSink* progress) {
  const auto asked = answer_rules(options, request);
  HW_RETURN_IF_ERROR(asked);
  auto reading = read_scores(std::move(wanted), request, nullptr, progress);
  HW_RETURN_IF_ERROR(reading);
  return ranked(std::move(*reading), *asked);
}

Result<Ranking> Reranker::Impl::ranked(RequestReading reading, const AnswerRules& asked) const {
  finish_scores(options, asked.first_stage, reading.passages);
  auto hits = answer(reading.passages, asked.wishes);
  HW_RETURN_IF_ERROR(hits);
  Ranking ranking;
  ranking.facts = reading.facts;
  ranking.passages = std::move(*hits);
  ranking.heads = std::move(reading.scores.heads);
  ranking.statistics = reading.scores.statistics;
  return ranking;
}

std::vector<Result<Ranking>> Reranker::rank_many(std::span<const RankRequest> requests,
                                                 ProgressSink* progress) {
  constexpr size_t kMostOfOnePass = 16;  // their sums of attention are held at once
  const bool shares = impl_->options.order != CandidateOrder::kShuffled;  // each query has its own shuffle
  std::vector<Result<Ranking>> rankings(requests.size(), Result<Ranking>(Ranking{}));
  std::vector<bool> done(requests.size(), false);
  for (size_t first = 0; first < requests.size(); ++first) {
    if (done[first]) continue;
    std::vector<size_t> together;
    std::vector<std::string_view> queries;
    for (size_t i = first; i < requests.size() && together.size() < kMostOfOnePass; ++i) {
      if (i > first && (!shares || done[i])) continue;
      if (!same_passages(requests[first].passages, requests[i].passages)) continue;
      if (requests[first].instruction != requests[i].instruction) continue;
      together.push_back(i);
      queries.push_back(requests[i].query);
    }
    ReadWishes wishes = impl_->usual_wishes();
    wishes.instruction = requests[first].instruction;
    auto readings = together.size() < 2
                        ? Result<std::vector<RequestReading>>(std::vector<RequestReading>{})
                        : impl_->read_all(queries, requests[first].passages, wishes, progress);
    // What is wrong with one of them is told to that one alone.
    const bool alone = together.size() < 2 || (!readings && readings.error().code() != ErrorCode::kCancelled);
    for (size_t place = 0; place < together.size(); ++place) {
      const RankRequest& request = requests[together[place]];
      Result<Ranking>& ranking = rankings[together[place]];
      done[together[place]] = true;
      if (alone) {
        ranking = rank(request, progress);
      } else if (!readings) {
        ranking = fail(readings.error());
      } else if (const auto asked = answer_rules(impl_->options, request); !asked) {
        ranking = fail(asked.error());
      } else {
        ranking = impl_->ranked(std::move((*readings)[place]), *asked);
      }
    }
  }
  return rankings;
}

Result<Explanation> Reranker::explain(std::string_view query, std::span<const Passage> passages,
                                      const ExplainOptions& explain, ProgressSink* progress) {
  const RerankerOptions& options = impl_->options;
  const auto first_stage = first_stage_scores(options, passages);
  if (!first_stage) return fail(first_stage.error());
  auto wanted =
      explain.heads.empty() ? Result<ReadHeads>(impl_->own_heads()) : impl_->listed_heads(explain.heads);
  HW_RETURN_IF_ERROR(wanted);
  auto reading = impl_->read_scores(*wanted, {query, passages, explain.instruction}, &explain, progress);
  HW_RETURN_IF_ERROR(reading);
  const auto fused = finish_scores(options, *first_stage, reading->passages);
  for (size_t i = 0; i < reading->passages.size(); ++i) {
    ExplainedPassage& explained = reading->explained[i];
    explained.score = reading->passages[i].score;
    explained.relevance = reading->passages[i].relevance;
    if (fused && !explained.empty) explained.fused = {fused->ours[i], fused->first_stage[i]};
  }
  Explanation explanation;
  explanation.heads = std::move(wanted->heads);
  explanation.head_weights = std::move(wanted->weights);
  explanation.statistics = reading->scores.statistics;
  for (const int index : best_first(options, reading->passages)) {
    explanation.passages.push_back(std::move(reading->explained[static_cast<size_t>(index)]));
  }
  return explanation;
}

}  // namespace headwise
