// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "align/loop/trainer.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <set>
#include <utility>

#include "align/data/batch_order.h"
#include "align/files/checkpoint.h"
#include "align/files/training_log.h"
#include "align/graph/batch_loss.h"
#include "align/loop/adamw.h"
#include "align/loop/evaluation.h"
#include "align/loop/parameter_average.h"
#include "align/loop/update_sums.h"
#include "base/check.h"
#include "base/stopwatch.h"

namespace headwise {
namespace {

using torch::Tensor;
using Clock = std::chrono::steady_clock;

std::vector<Tensor> all_parameters(const Scorer& scorer) {
  std::vector<Tensor> parameters = scorer.model().parameters();
  const auto& weights = scorer.weight_parameters();
  parameters.insert(parameters.end(), weights.begin(), weights.end());
  return parameters;
}

// Everything that changes while training goes on.
class Training {
 public:
  Training(Scorer& scorer, const TrainingData& data, const AlignOptions& options, std::string settings,
           const TrainingEvents& events, TrainingWorkers& workers)
      : scorer_(scorer),
        data_(data),
        options_(options),
        events_(events),
        workers_(workers),
        order_(int64_t{options.accumulate} * workers.count(), data.batches(), options.seed,
               [&data](int64_t number) { return length_of(data.batch(number)); }),
        log_(options.output / "log.jsonl"),
        optimiser_(groups(scorer, options), options.beta1, options.beta2) {
    state_.settings = std::move(settings);
    tensors_.parameters = all_parameters(scorer);
    tensors_.moments = optimiser_.moments();
    tensors_.best = copies(tensors_.parameters);
    if (options.average > 0.0) tensors_.mean = copies(tensors_.parameters);
  }

  Result<TrainingOutcome> run(bool restart);

 private:
  static std::vector<AdamWGroup> groups(const Scorer& scorer, const AlignOptions& options) {
    return {{scorer.model().parameters(), options.learning_rate, options.weight_decay},
            {scorer.weight_parameters(), options.weights_learning_rate, 0.0}};
  }

  Status begin(bool restart);
  Status begin_alike();
  Status update();
  Result<UpdateSums> run_batches(UpdateRecord& record);
  // An error that every worker comes to at the same exchange: rank 0, which keeps the store, goes last.
  tl::unexpected<Error> end_together(Error error) {
    (void)workers_.leave();
    return fail(std::move(error));
  }
  Status evaluate_now();
  Status save();
  bool stopped() const { return events_.stop && events_.stop(); }
  bool is_due(int64_t every) const { return every > 0 && state_.updates % every == 0; }

  Scorer& scorer_;
  const TrainingData& data_;
  const AlignOptions& options_;
  const TrainingEvents& events_;
  TrainingWorkers& workers_;
  BatchOrder order_;
  TrainingLog log_;
  AdamW optimiser_;
  TrainingState state_;
  TrainingTensors tensors_;
};

Status Training::begin(bool restart) {
  const std::filesystem::path path = options_.output / "checkpoint.safetensors";
  std::error_code ignored;
  const bool there = std::filesystem::exists(path, ignored);
  if (options_.finish && !there) {
    return fail(ErrorCode::kNotFound,
                "--finish: no checkpoint in '" + options_.output.string() + "'; leave it out to begin");
  }
  if (restart || !there) {
    HW_RETURN_IF_ERROR(log_.cut(0));
    return evaluate_now();
  }
  auto state = read_checkpoint(path, state_.settings, tensors_);
  if (!state) return fail(std::move(state.error()).with_context("going on from '" + path.string() + "'"));
  state_ = std::move(*state);
  optimiser_.restore(state_.optimiser_steps);
  HW_RETURN_IF_ERROR(log_.cut(state_.log_bytes));
  if (events_.on_note) events_.on_note("going on after update " + std::to_string(state_.updates));
  return {};
}

// Every worker starts from rank 0's parameters, moments and place.
Status Training::begin_alike() {
  if (workers_.count() == 1) return {};
  const auto alike = all_have(workers_, state_.settings);
  HW_RETURN_IF_ERROR(alike);
  if (!*alike) {
    return end_together(
        Error(ErrorCode::kUsage, "the workers were started with different flags or data: all need the same"));
  }
  std::array<int64_t, 2> counts{state_.updates, optimiser_.steps()};
  HW_RETURN_IF_ERROR(share_counts(workers_, counts));
  state_.updates = counts[0];
  optimiser_.restore(counts[1]);
  HW_RETURN_IF_ERROR(share_tensors(workers_, tensors_.parameters));
  return share_tensors(workers_, tensors_.moments);
}

// This worker's batches of an update, forward and backward.
Result<UpdateSums> Training::run_batches(UpdateRecord& record) {
  UpdateSums sums;
  std::set<std::string> sets;
  const int64_t each = options_.accumulate;
  const int64_t all = each * workers_.count();
  for (int64_t i = 0; i < each; ++i) {
    if (stopped()) {
      sums.stops = 1.0;
      return sums;
    }
    const TrainingBatch batch = data_.batch(order_.number(state_.updates, workers_.rank() * each + i));
    const auto part = batch_loss(scorer_, batch, options_);
    HW_RETURN_IF_ERROR(part);
    if (!part->value.defined()) continue;
    const double value = part->value.item<double>();
    if (!std::isfinite(value)) {
      return fail(ErrorCode::kInvalidInput, "the loss is no finite number any more at update " +
                                                std::to_string(record.update) +
                                                "; try a smaller --learning-rate or --clip");
    }
    (part->value / static_cast<double>(all)).backward();
    sums.loss.add(value);
    if (part->pair >= 0.0) sums.pair.add(part->pair);
    if (part->pair >= 0.0) sums.margin.add(part->margin);
    if (part->regulariser >= 0.0) sums.regulariser.add(part->regulariser);
    if (part->divergence >= 0.0) sums.divergence.add(part->divergence);
    if (part->divergence >= 0.0) sums.rank_correlation.add(part->rank_correlation);
    sums.tokens += static_cast<double>(part->tokens);
    sets.insert(batch.set);
  }
  for (const std::string& set : sets) record.sets += (record.sets.empty() ? "" : " ") + set;
  return sums;
}

Status Training::update() {
  const auto start = Clock::now();
  UpdateRecord record;
  record.update = state_.updates + 1;
  optimiser_.zero_gradients();
  auto own = run_batches(record);
  UpdateSums sums = own.value_or(UpdateSums{});
  if (!own) sums.fails = 1.0;
  HW_RETURN_IF_ERROR(add_up(workers_, tensors_.parameters, sums));
  if (!own) return end_together(std::move(own.error()));
  if (sums.fails > 0.0)
    return end_together(Error(ErrorCode::kInvalidInput, "another worker cannot go on; it says why"));
  if (sums.stops > 0.0) return end_together(Error(ErrorCode::kCancelled, ""));
  const auto warm_up =
      static_cast<int64_t>(std::ceil(options_.warm_up * static_cast<double>(options_.updates)));
  const double share = learning_rate_share(state_.updates, options_.updates, warm_up, options_.floor);
  record.gradient_norm = optimiser_.clip(options_.clip);
  optimiser_.step(share);
  record.learning_rate = share * options_.learning_rate;
  record.loss = sums.loss.value();
  record.pair = sums.pair.value();
  record.margin = sums.margin.value();
  record.regulariser = sums.regulariser.value();
  record.divergence = sums.divergence.value();
  record.rank_correlation = sums.rank_correlation.value();
  record.tokens = static_cast<int64_t>(sums.tokens);
  record.seconds = seconds_since(start);
  ++state_.updates;
  if (!workers_.leads()) return {};
  fold_into_mean(tensors_.mean, tensors_.parameters, options_.average, state_.updates);
  HW_RETURN_IF_ERROR(log_.add(record));
  if (events_.on_update) events_.on_update(record);
  return {};
}

Status Training::evaluate_now() {
  if (data_.held_out().empty()) return {};
  const auto start = Clock::now();
  const InPlaceOf judged(tensors_.parameters, tensors_.mean);
  auto result = evaluate_held_out(scorer_, data_.held_out(), events_.stop);
  HW_RETURN_IF_ERROR(result);
  const EvaluationRecord record{state_.updates, std::move(*result), seconds_since(start)};
  HW_RETURN_IF_ERROR(log_.add(record));
  if (events_.on_evaluation) events_.on_evaluation(record);
  ++state_.evaluations_since;
  if (const double mean = record.result.mean_alone(); mean > state_.best) {
    state_.best = mean;
    state_.best_update = state_.updates;
    state_.evaluations_since = 0;
    copy_into(tensors_.parameters, tensors_.best);
  }
  return {};
}

Status Training::save() {
  state_.optimiser_steps = optimiser_.steps();
  state_.log_bytes = log_.bytes();
  return write_checkpoint(options_.output / "checkpoint.safetensors", state_, tensors_);
}

Result<TrainingOutcome> Training::run(bool restart) {
  if (workers_.leads()) HW_RETURN_IF_ERROR(begin(restart));
  HW_RETURN_IF_ERROR(begin_alike());
  TrainingOutcome outcome;
  const auto out_of_patience = [&] {
    return options_.patience > 0 && state_.evaluations_since >= options_.patience;
  };
  // Rank 0 knows the held-out figures; the others learn from it whether to go on.
  const auto goes_on = [&]() -> Result<bool> {
    if (options_.patience == 0 || workers_.count() == 1) return !out_of_patience();
    std::vector<float> enough{workers_.leads() && out_of_patience() ? 1.0f : 0.0f};
    HW_RETURN_IF_ERROR(workers_.add_up(enough));
    return enough.front() == 0.0f;
  };
  while (!options_.finish && state_.updates < options_.updates) {
    const auto more = goes_on();
    HW_RETURN_IF_ERROR(more);
    if (!*more) break;
    const Status done = update();
    if (!done && done.error().code() == ErrorCode::kCancelled) {
      if (workers_.leads()) HW_RETURN_IF_ERROR(save());
      return fail(ErrorCode::kCancelled,
                  "interrupted after update " + std::to_string(state_.updates) + " of " +
                      std::to_string(options_.updates) +
                      "; the same command goes on from there, and with --finish writes "
                      "the adapter as it is");
    }
    HW_RETURN_IF_ERROR(done);
    if (!workers_.leads()) continue;
    const bool last = state_.updates == options_.updates;
    if (is_due(options_.evaluate_every) || last) HW_RETURN_IF_ERROR(evaluate_now());
    if (is_due(options_.checkpoint_every) || last || out_of_patience()) HW_RETURN_IF_ERROR(save());
  }
  // A checkpoint between two evaluations has not been judged yet.
  const bool judged = state_.updates == options_.updates || is_due(options_.evaluate_every);
  if (options_.finish && !judged) HW_RETURN_IF_ERROR(evaluate_now());
  outcome.updates = state_.updates;
  outcome.stopped_early = state_.updates < options_.updates;
  outcome.best_update = data_.held_out().empty() ? state_.updates : state_.best_update;
  copy_into(data_.held_out().empty() ? tensors_.mean : tensors_.best, tensors_.parameters);
  HW_RETURN_IF_ERROR(workers_.leave());
  return outcome;
}

}  // namespace

Result<TrainingOutcome> train(Scorer& scorer, const TrainingData& data, const AlignOptions& options,
                              const std::string& settings, bool restart, const TrainingEvents& events,
                              TrainingWorkers& workers) {
  return Training(scorer, data, options, settings, events, workers).run(restart);
}

}  // namespace headwise
