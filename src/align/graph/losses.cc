// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "align/graph/losses.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "eval/middle_zone.h"

namespace headwise {
namespace {

using torch::Tensor;

constexpr double kLeastDeviation = 0.5;

constexpr std::array<std::pair<std::string_view, Regulariser>, 4> kRegularisers{
    {{"none", Regulariser::kNone},
     {"kl", Regulariser::kKl},
     {"var", Regulariser::kVariance},
     {"ent", Regulariser::kEntropy}}};

Tensor numbers(std::span<const int> values, const Tensor& like) {
  return torch::tensor(std::vector<double>(values.begin(), values.end()), torch::kFloat64).to(like.options());
}

// KL(t || softmax(l)) with t given.
Tensor divergence(const Tensor& target, const Tensor& logits) {
  const Tensor log_p = torch::log_softmax(logits, -1);
  // 0 log 0 is 0.
  return (target * (torch::log(target.clamp_min(1e-30)) - log_p)).sum();
}

}  // namespace

Result<Regulariser> regulariser_named(std::string_view name) {
  for (const auto& [word, kind] : kRegularisers) {
    if (word == name) return kind;
  }
  return fail(ErrorCode::kUsage,
              "unknown regulariser '" + std::string(name) + "'; known are none, kl, var, ent");
}

Tensor pair_loss(const Tensor& logits, std::span<const int> grades, const PairLossOptions& options,
                 const std::optional<Tensor>& reference) {
  HW_CHECK(logits.size(0) == static_cast<int64_t>(grades.size()));
  const std::set<int> present(grades.begin(), grades.end());
  std::vector<int64_t> upper;
  std::vector<int64_t> lower;
  const Tensor now = logits.detach().to(torch::kFloat64).to(torch::kCPU);
  const double* l = now.data_ptr<double>();
  for (auto low = present.begin(); low != present.end() && std::next(low) != present.end(); ++low) {
    const int high = *std::next(low);
    std::vector<std::pair<double, std::pair<int64_t, int64_t>>> pairs;
    for (size_t i = 0; i < grades.size(); ++i) {
      if (grades[i] != high) continue;
      for (size_t j = 0; j < grades.size(); ++j) {
        if (grades[j] == *low) {
          pairs.push_back({l[i] - l[j], {static_cast<int64_t>(i), static_cast<int64_t>(j)}});
        }
      }
    }
    // Equal margins in the order of places, so that the choice is the same everywhere.
    std::sort(pairs.begin(), pairs.end());
    if (options.pairs > 0 && pairs.size() > static_cast<size_t>(options.pairs)) {
      pairs.resize(static_cast<size_t>(options.pairs));
    }
    for (const auto& [margin, places] : pairs) {
      upper.push_back(places.first);
      lower.push_back(places.second);
    }
  }
  if (upper.empty()) return {};
  const auto index = [&](const std::vector<int64_t>& places) {
    return torch::tensor(places, torch::kInt64).to(logits.device());
  };
  const Tensor above = index(upper);
  const Tensor below = index(lower);
  const auto margins = [&](const Tensor& x) { return x.index_select(0, above) - x.index_select(0, below); };
  Tensor margin = margins(logits);
  if (reference) margin = margin - margins(*reference).detach();
  return torch::softplus(-(margin / options.scale - options.margin)).mean();
}

Tensor regulariser_loss(Regulariser kind, const Tensor& logits, std::span<const int> grades,
                        std::span<const int> places) {
  const auto count = static_cast<int>(grades.size());
  HW_CHECK(logits.size(0) == count && places.size() == grades.size());
  switch (kind) {
    case Regulariser::kNone:
      return {};
    case Regulariser::kKl:
      return divergence(torch::softmax(numbers(grades, logits), -1), logits);
    case Regulariser::kEntropy: {
      if (count < 2) return {};
      const Tensor log_p = torch::log_softmax(logits, -1);
      return -(log_p.exp() * log_p).sum() / std::log(static_cast<double>(count));
    }
    case Regulariser::kVariance:
      break;
  }
  const auto [first, last] = middle_places(count);
  std::vector<int64_t> zone;
  for (int i = 0; i < count; ++i) {
    const int place = places[static_cast<size_t>(i)] + 1;
    if (place >= first && place <= last) zone.push_back(i);
  }
  if (zone.size() < 2) return {};
  const Tensor inside = logits.index_select(0, torch::tensor(zone, torch::kInt64).to(logits.device()));
  const Tensor off = inside - inside.mean();
  // Not torch::std: its gradient is not a number where all are alike.
  const Tensor deviation = torch::sqrt((off * off).sum() / static_cast<double>(zone.size() - 1) + 1e-12);
  return torch::relu(kLeastDeviation - deviation);
}

Tensor grade_bonus(std::span<const int> grades, double bonus) {
  const int highest = grades.empty() ? 0 : *std::max_element(grades.begin(), grades.end());
  const Tensor known = torch::tensor(std::vector<double>(grades.begin(), grades.end()), torch::kFloat64);
  return highest > 0 ? known * (bonus / highest) : torch::zeros_like(known);
}

Tensor listwise_divergence(const Tensor& logits, std::span<const float> teacher, double temperature,
                           const std::optional<Tensor>& added) {
  HW_CHECK(logits.size(0) == static_cast<int64_t>(teacher.size()));
  Tensor wanted =
      torch::tensor(std::vector<double>(teacher.begin(), teacher.end()), torch::kFloat64) / temperature;
  if (added) wanted = wanted + added->detach().to(wanted.options());
  return divergence(torch::softmax(wanted, -1).to(logits.options()), logits);
}

}  // namespace headwise
