// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "align/trainer.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstring>
#include <numeric>
#include <optional>
#include <set>
#include <utility>

#include "align/adamw.h"
#include "align/checkpoint.h"
#include "align/losses.h"
#include "align/training_log.h"
#include "base/check.h"

namespace headwise {
namespace {

using torch::Tensor;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Running mean that says -1 while empty.
struct Mean {
  double sum = 0.0;
  double count = 0.0;
  void add(double value) {
    sum += value;
    ++count;
  }
  double value() const { return count == 0.0 ? -1.0 : sum / count; }
};

// What a worker tells the others of an update, beside its gradients.
struct UpdateSums {
  Mean loss, pair, regulariser, divergence, margin, rank_correlation;
  double tokens = 0.0;
  double stops = 0.0;  // it was asked to stop,
  double fails = 0.0;  // or cannot go on
  std::array<double*, 15> numbers() {
    return {&loss.sum,
            &loss.count,
            &pair.sum,
            &pair.count,
            &regulariser.sum,
            &regulariser.count,
            &divergence.sum,
            &divergence.count,
            &margin.sum,
            &margin.count,
            &rank_correlation.sum,
            &rank_correlation.count,
            &tokens,
            &stops,
            &fails};
  }
};

std::vector<double> row_values(const Tensor& row) {
  const Tensor values = row.detach().to(torch::kCPU).to(torch::kFloat64).contiguous();
  return {values.data_ptr<double>(), values.data_ptr<double>() + values.numel()};
}

// Places in ascending order of value, as ranks.
std::vector<double> ranks(std::span<const double> values) {
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return values[a] < values[b]; });
  std::vector<double> ranks(values.size());
  for (size_t i = 0; i < order.size(); ++i) ranks[order[i]] = static_cast<double>(i);
  return ranks;
}

double correlation(const std::vector<double>& a, const std::vector<double>& b) {
  const auto n = static_cast<double>(a.size());
  const double mean_a = std::accumulate(a.begin(), a.end(), 0.0) / n;
  const double mean_b = std::accumulate(b.begin(), b.end(), 0.0) / n;
  double ab = 0.0;
  double aa = 0.0;
  double bb = 0.0;
  for (size_t i = 0; i < a.size(); ++i) {
    ab += (a[i] - mean_a) * (b[i] - mean_b);
    aa += (a[i] - mean_a) * (a[i] - mean_a);
    bb += (b[i] - mean_b) * (b[i] - mean_b);
  }
  return aa > 0.0 && bb > 0.0 ? ab / std::sqrt(aa * bb) : 0.0;
}

double margin_of(const std::vector<double>& logits, const std::vector<int>& grades) {
  double high = 0.0;
  double low = 0.0;
  int highs = 0;
  for (size_t i = 0; i < logits.size(); ++i) {
    (grades[i] > 0 ? high : low) += logits[i];
    highs += grades[i] > 0 ? 1 : 0;
  }
  const auto lows = static_cast<int>(logits.size()) - highs;
  return highs == 0 || lows == 0 ? 0.0 : high / highs - low / lows;
}

std::vector<Tensor> all_parameters(const Scorer& scorer) {
  std::vector<Tensor> parameters = scorer.model().parameters();
  const auto& weights = scorer.weight_parameters();
  parameters.insert(parameters.end(), weights.begin(), weights.end());
  return parameters;
}

std::vector<Tensor> copies(const std::vector<Tensor>& tensors) {
  std::vector<Tensor> copied;
  for (const Tensor& tensor : tensors) copied.push_back(tensor.detach().clone());
  return copied;
}

void copy_into(const std::vector<Tensor>& from, const std::vector<Tensor>& to) {
  torch::NoGradGuard no_grad;
  for (size_t i = 0; i < from.size(); ++i) to[i].copy_(from[i]);
}

// Everything that changes while training goes on.
class Training {
 public:
  Training(Scorer& scorer, const TrainingData& data, const AlignOptions& options, std::string settings,
           const TrainingEvents& events, Workers& workers)
      : scorer_(scorer),
        data_(data),
        options_(options),
        events_(events),
        workers_(workers),
        log_(options.output / "log.jsonl"),
        optimiser_(groups(scorer, options), options.beta1, options.beta2) {
    state_.settings = std::move(settings);
    tensors_.parameters = all_parameters(scorer);
    tensors_.moments = optimiser_.moments();
    tensors_.best = copies(tensors_.parameters);
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
  Status add_up(UpdateSums& sums);
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
  Workers& workers_;
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
  std::string settings = state_.settings;
  HW_RETURN_IF_ERROR(workers_.share(settings));
  std::vector<float> alike{settings == state_.settings ? 0.0f : 1.0f};
  HW_RETURN_IF_ERROR(workers_.add_up(alike));
  if (alike.front() > 0.0f) {
    return end_together(
        Error(ErrorCode::kUsage, "the workers were started with different flags or data: all need the same"));
  }
  std::string counts(2 * sizeof(int64_t), '\0');
  const std::array<int64_t, 2> own{state_.updates, optimiser_.steps()};
  std::memcpy(counts.data(), own.data(), counts.size());
  HW_RETURN_IF_ERROR(workers_.share(counts));
  std::array<int64_t, 2> lead{};
  std::memcpy(lead.data(), counts.data(), counts.size());
  state_.updates = lead[0];
  optimiser_.restore(lead[1]);
  torch::NoGradGuard no_grad;
  for (const std::vector<Tensor>* list : {&tensors_.parameters, &tensors_.moments}) {
    for (const Tensor& tensor : *list) {
      std::vector<float> values = float_values(tensor);
      std::string bytes(values.size() * sizeof(float), '\0');
      std::memcpy(bytes.data(), values.data(), bytes.size());
      HW_RETURN_IF_ERROR(workers_.share(bytes));
      std::memcpy(values.data(), bytes.data(), bytes.size());
      tensor.copy_(torch::tensor(values).view(tensor.sizes()));
    }
  }
  return {};
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
    const TrainingBatch batch = data_.batch(state_.updates * all + workers_.rank() * each + i);
    UpdateRecord part;
    auto batch_value = batch_loss(scorer_, batch, options_, part);
    HW_RETURN_IF_ERROR(batch_value);
    if (!batch_value->defined()) continue;
    const double value = batch_value->item<double>();
    if (!std::isfinite(value)) {
      return fail(ErrorCode::kInvalidInput, "the loss is no finite number any more at update " +
                                                std::to_string(record.update) +
                                                "; try a smaller --learning-rate or --clip");
    }
    (*batch_value / static_cast<double>(all)).backward();
    sums.loss.add(value);
    if (part.pair >= 0.0) sums.pair.add(part.pair);
    if (part.pair >= 0.0) sums.margin.add(part.margin);
    if (part.regulariser >= 0.0) sums.regulariser.add(part.regulariser);
    if (part.divergence >= 0.0) sums.divergence.add(part.divergence);
    if (part.divergence >= 0.0) sums.rank_correlation.add(part.rank_correlation);
    sums.tokens += static_cast<double>(part.tokens);
    sets.insert(batch.set);
  }
  for (const std::string& set : sets) record.sets += (record.sets.empty() ? "" : " ") + set;
  return sums;
}

// Gradients and sums of all workers, in every one of them.
Status Training::add_up(UpdateSums& sums) {
  if (workers_.count() == 1) return {};
  std::vector<float> values;
  for (const double* number : sums.numbers()) values.push_back(static_cast<float>(*number));
  for (const Tensor& parameter : tensors_.parameters) {
    const Tensor gradient = parameter.grad();
    values.push_back(gradient.defined() ? 1.0f : 0.0f);
    const std::vector<float> own = gradient.defined()
                                       ? float_values(gradient)
                                       : std::vector<float>(static_cast<size_t>(parameter.numel()), 0.0f);
    values.insert(values.end(), own.begin(), own.end());
  }
  HW_RETURN_IF_ERROR(workers_.add_up(values));
  const float* next = values.data();
  for (double* number : sums.numbers()) *number = *next++;
  for (const Tensor& parameter : tensors_.parameters) {
    const bool has_gradient = *next++ > 0.0f;
    const Tensor sum = torch::from_blob(const_cast<float*>(next), parameter.sizes(), torch::kFloat32);
    if (has_gradient) parameter.mutable_grad() = sum.to(parameter.device()).clone();
    next += parameter.numel();
  }
  return {};
}

Status Training::update() {
  const auto start = Clock::now();
  UpdateRecord record;
  record.update = state_.updates + 1;
  optimiser_.zero_gradients();
  auto own = run_batches(record);
  UpdateSums sums = own.value_or(UpdateSums{});
  if (!own) sums.fails = 1.0;
  HW_RETURN_IF_ERROR(add_up(sums));
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
  HW_RETURN_IF_ERROR(log_.add(record));
  if (events_.on_update) events_.on_update(record);
  return {};
}

Status Training::evaluate_now() {
  if (data_.held_out().empty()) return {};
  const auto start = Clock::now();
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
  if (!data_.held_out().empty()) copy_into(tensors_.best, tensors_.parameters);
  HW_RETURN_IF_ERROR(workers_.leave());
  return outcome;
}

}  // namespace

Result<Tensor> batch_loss(Scorer& scorer, const TrainingBatch& batch, const AlignOptions& options,
                          UpdateRecord& record) {
  std::vector<std::string_view> texts;
  for (const BatchQuery& query : batch.queries) texts.push_back(query.text);
  auto logits = scorer.logits(texts, batch.passages);
  if (!logits) return fail(std::move(logits.error()).with_context("reading a batch of '" + batch.set + "'"));
  record.tokens = scorer.last_tokens();
  const bool graded = std::any_of(batch.queries.begin(), batch.queries.end(),
                                  [](const BatchQuery& query) { return !query.grades.empty(); });
  Tensor frozen;
  if (graded ? options.against_frozen : batch.frozen > 0.0) {
    auto found = scorer.frozen_logits(texts, batch.passages);
    HW_RETURN_IF_ERROR(found);
    frozen = *found;
  }
  std::vector<int> places(batch.passages.size());
  std::iota(places.begin(), places.end(), 0);
  Mean pair, regulariser, divergence, margin, rank_correlation;
  Tensor total;
  const auto add = [&](const Tensor& loss, double weight) {
    const Tensor weighted = loss * weight;
    total = total.defined() ? total + weighted : weighted;
  };
  for (size_t q = 0; q < batch.queries.size(); ++q) {
    const BatchQuery& query = batch.queries[q];
    const Tensor row = (*logits)[static_cast<int64_t>(q)];
    std::optional<Tensor> reference;
    if (frozen.defined()) reference = frozen[static_cast<int64_t>(q)];
    if (!query.teacher.empty()) {
      if (reference) *reference = *reference * batch.frozen;
      const double temperature = batch.temperature > 0.0 ? batch.temperature : options.temperature;
      const Tensor loss = listwise_divergence(row, query.teacher, temperature, reference);
      divergence.add(loss.item<double>());
      const std::vector<double> teacher(query.teacher.begin(), query.teacher.end());
      rank_correlation.add(correlation(ranks(row_values(row)), ranks(teacher)));
      add(loss, 1.0);
      continue;
    }
    if (const Tensor loss = pair_loss(row, query.grades, options.pairs, reference); loss.defined()) {
      pair.add(loss.item<double>());
      margin.add(margin_of(row_values(row), query.grades));
      add(loss, options.graded_loss_weight);
    }
    if (const Tensor loss = regulariser_loss(options.regulariser, row, query.grades, places);
        loss.defined()) {
      regulariser.add(loss.item<double>());
      add(loss, options.graded_loss_weight * options.regulariser_weight);
    }
  }
  record.pair = pair.value();
  record.regulariser = regulariser.value();
  record.divergence = divergence.value();
  record.margin = margin.value();
  record.rank_correlation = rank_correlation.value();
  return total.defined() ? total / static_cast<double>(batch.queries.size()) : total;
}

Result<TrainingOutcome> train(Scorer& scorer, const TrainingData& data, const AlignOptions& options,
                              const std::string& settings, bool restart, const TrainingEvents& events,
                              Workers& workers) {
  return Training(scorer, data, options, settings, events, workers).run(restart);
}

}  // namespace headwise
