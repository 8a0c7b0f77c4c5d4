// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "align/data/training_data.h"

#include <algorithm>
#include <numeric>
#include <optional>
#include <random>
#include <utility>

#include "align/data/target_file.h"
#include "base/check.h"
#include "base/fingerprint.h"
#include "base/shuffle.h"

namespace headwise {
namespace {

// Splitmix64: one well mixed number out of two.
uint64_t mix(uint64_t seed, uint64_t number) {
  uint64_t x = seed * 0x9E3779B97F4A7C15ULL + number + 0x9E3779B97F4A7C15ULL;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL;
  return x ^ (x >> 31);
}

size_t drawn(const std::vector<double>& weights, uint64_t random) {
  const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
  double left = static_cast<double>(random >> 11) * 0x1.0p-53 * total;
  for (size_t i = 0; i < weights.size(); ++i) {
    if (left < weights[i]) return i;
    left -= weights[i];
  }
  return weights.size() - 1;
}

constexpr uint64_t kSourceStream = 1;
constexpr uint64_t kOrderStream = 2;
constexpr uint64_t kListStream = 3;
constexpr uint64_t kQueryStream = 4;

}  // namespace

Result<TrainingData> TrainingData::load(const DataOptions& options) {
  TrainingData data;
  data.options_ = options;
  if (options.graded.empty() && options.targets.empty()) {
    return fail(ErrorCode::kUsage,
                "nothing to train on: give --graded dir=FOLDER,run=FILE or --targets FILE");
  }
  for (const DataSetSpec& spec : options.graded) {
    auto set = read_graded_set(spec);
    HW_RETURN_IF_ERROR(set);
    data.graded_.push_back(std::move(*set));
  }
  for (const TargetFile& file : options.targets) {
    auto batches = read_targets(file.path);
    HW_RETURN_IF_ERROR(batches);
    for (TrainingBatch& batch : *batches) {
      batch.frozen = file.frozen;
      batch.bonus = file.bonus;
      batch.temperature = file.temperature;
    }
    data.targets_.push_back(std::move(*batches));
  }
  for (const DataSetSpec& spec : options.held_out) {
    auto set = read_held_out_set(spec);
    HW_RETURN_IF_ERROR(set);
    data.held_out_.push_back(std::move(*set));
  }
  const std::vector<double> weights = data.source_weights();
  if (std::accumulate(weights.begin(), weights.end(), 0.0) <= 0.0) {
    return fail(ErrorCode::kUsage, "every source of preferences has weight 0");
  }
  return data;
}

std::vector<double> TrainingData::source_weights() const {
  std::vector<double> weights;
  for (const GradedSet& set : graded_) weights.push_back(set.spec.weight);
  for (const TargetFile& file : options_.targets) weights.push_back(file.weight);
  return weights;
}

TrainingBatch TrainingData::batch(int64_t number) const {
  const std::vector<double> weights = source_weights();
  const auto source_of = [&](int64_t n) {
    return drawn(weights, mix(mix(options_.seed, kSourceStream), static_cast<uint64_t>(n)));
  };
  const size_t source = source_of(number);
  if (source < graded_.size()) {
    auto seed = static_cast<uint64_t>(number);
    std::optional<size_t> query;
    if (options_.fixed_lists) {
      // The list of a query drawn: as many as there are queries, each with its own.
      seed = mix(mix(options_.seed, kQueryStream), seed) % graded_[source].queries.size();
      query = seed;
    }
    std::mt19937_64 random(mix(mix(options_.seed, kListStream), seed));
    return sample_batch(graded_[source], options_.lists, options_.list_size, random, query);
  }
  // A file's batches come one after the other, in another order every time round.
  const std::vector<TrainingBatch>& batches = targets_[source - graded_.size()];
  size_t earlier = 0;
  for (int64_t n = 0; n < number; ++n) earlier += source_of(n) == source ? 1 : 0;
  std::vector<size_t> order(batches.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::mt19937_64 random(mix(mix(options_.seed, kOrderStream), source * 1000003 + earlier / batches.size()));
  shuffle(order, random);
  return batches[order[earlier % batches.size()]];
}

int64_t TrainingData::batches() const {
  size_t count = 0;
  for (const GradedSet& set : graded_) count += set.queries.size();
  for (const auto& file : targets_) count += file.size();
  return static_cast<int64_t>(count);
}

std::vector<std::string> TrainingData::describe() const {
  std::vector<std::string> lines;
  for (const GradedSet& set : graded_) {
    lines.push_back(
        set.spec.name() + ": " + std::to_string(set.queries.size()) + " graded queries" +
        (set.left_out > 0 ? " (" + std::to_string(set.left_out) + " without two grades left out)" : ""));
  }
  for (size_t i = 0; i < targets_.size(); ++i) {
    lines.push_back(options_.targets[i].path.filename().string() + ": " + std::to_string(targets_[i].size()) +
                    " batches with a teacher's scores");
  }
  return lines;
}

std::string TrainingData::fingerprint() const {
  Fingerprint content;
  const auto add_query = [&](const GradedQuery& query) {
    content.add(query.text);
    for (const GradedCandidate& candidate : query.candidates) {
      content.add(candidate.passage.id);
      content.add(candidate.passage.title);
      content.add(candidate.passage.text);
      content.add(static_cast<double>(candidate.grade));
    }
  };
  for (const GradedSet& set : graded_) std::for_each(set.queries.begin(), set.queries.end(), add_query);
  for (const HeldOutSet& set : held_out_) std::for_each(set.queries.begin(), set.queries.end(), add_query);
  for (const auto& batches : targets_) {
    for (const TrainingBatch& batch : batches) {
      for (const Passage& passage : batch.passages) {
        content.add(passage.title);
        content.add(passage.text);
      }
      for (const BatchQuery& query : batch.queries) {
        content.add(query.text);
        for (const float score : query.teacher) content.add(static_cast<double>(score));
        for (const int grade : query.grades) content.add(static_cast<double>(grade));
      }
    }
  }
  return content.hex();
}

}  // namespace headwise
