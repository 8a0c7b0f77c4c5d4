// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "decoder/kept_form.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

#include "base/check.h"

namespace headwise {
namespace {

double within(double share) { return std::clamp(share, kLeastShare, 1.0); }

// Shares in proportion to `weights`, within bounds, with this mean. Weights below a millionth of the largest
// count as that: they get what the others have no use for.
std::vector<double> in_proportion(std::vector<double> weights, double mean) {
  const double least = 1e-6 * *std::max_element(weights.begin(), weights.end());
  for (double& weight : weights) weight = least > 0.0 ? std::max(weight, least) : 1.0;
  const auto shares = [&](double factor) {
    std::vector<double> scaled;
    for (const double weight : weights) scaled.push_back(within(factor * weight));
    return scaled;
  };
  const auto mean_of = [&](const std::vector<double>& of) {
    return std::accumulate(of.begin(), of.end(), 0.0) / static_cast<double>(of.size());
  };
  double low = 0.0;  // the mean grows with the factor
  double high = 1.0 / *std::min_element(weights.begin(), weights.end());
  for (int step = 0; step < 100; ++step) {
    const double middle = (low + high) / 2;
    (mean_of(shares(middle)) < mean ? low : high) = middle;
  }
  return shares(high);
}

tl::unexpected<Error> usage(const std::string& message) { return fail(ErrorCode::kUsage, message); }

Status check_file(const KeepBudget& budget, const LayerBudget* file, size_t layers) {
  const bool by_depth = budget.split == BudgetSplit::kDepth;
  if (file == nullptr) {
    if (!by_depth) return {};
    return usage(
        "split=depth needs a budget file that says what each layer loses; make one with headwise "
        "heads sensitivity, or use split=uniform");
  }
  const std::vector<double>& rows = file->shares.empty() ? file->sensitivity : file->shares;
  if (rows.size() != layers) {
    return usage("the budget file has " + std::to_string(rows.size()) + " layers, and " +
                 std::to_string(layers) + " are kept; use a file that was made with these heads");
  }
  if (file->shares.empty() != by_depth) {
    return usage(by_depth ? "the budget file says what share is kept in each layer, which split=depth would "
                            "work out; leave the split out"
                          : "the budget file says what each layer loses when it is pruned; add split=depth");
  }
  return {};
}

}  // namespace

Result<KeptForm> kept_form(KeptType type, const KeepBudget& budget, const LayerBudget* file, int layers) {
  const auto count = static_cast<size_t>(layers);
  HW_RETURN_IF_ERROR(check_file(budget, file, count));
  std::vector<double> shares(count, budget.share);
  if (file != nullptr && !file->shares.empty()) {
    if (budget.split != BudgetSplit::kUniform || budget.share != 1.0) {
      return usage("a budget file says what share is kept in each layer; leave share and split out");
    }
    shares = file->shares;
  } else if (budget.split == BudgetSplit::kDepth) {
    shares = in_proportion(file->sensitivity, budget.share);
  } else if (budget.split == BudgetSplit::kPyramid) {
    std::vector<double> weights;
    for (size_t i = 0; i < count; ++i) weights.push_back(static_cast<double>(count - i) - 0.5);
    shares = in_proportion(weights, budget.share);
  } else if (budget.split == BudgetSplit::kJoin) {
    if (budget.join >= layers) {
      return usage("join:" + std::to_string(budget.join) + " keeps nothing: layers 0 to " +
                   std::to_string(layers - 1) + " are kept");
    }
    std::fill_n(shares.begin(), budget.join, 0.0);
  }
  KeptForm form{type, {shares.begin(), shares.end()}, budget.tokens};
  if (std::all_of(form.shares.begin(), form.shares.end(), [](float share) { return share == 1.0f; })) {
    form.shares.clear();
    form.tokens = BudgetTokens::kEvery;  // says nothing where all are kept: one form, one name
  }
  return form;
}

int KeptForm::first_layer() const {
  const auto kept = std::find_if(shares.begin(), shares.end(), [](float share) { return share > 0.0f; });
  return kept == shares.end() ? 0 : static_cast<int>(kept - shares.begin());
}

int64_t kept_count(float share, int64_t tokens) {
  if (share <= 0.0f) return 0;
  return std::clamp<int64_t>(std::llround(static_cast<double>(share) * static_cast<double>(tokens)), 1,
                             tokens);
}

std::vector<int32_t> every_token(int64_t count, int64_t tokens) {
  std::vector<int32_t> kept;
  for (int64_t i = 1; i <= count; ++i) {
    kept.push_back(static_cast<int32_t>((i * tokens + count - 1) / count - 1));
  }
  return kept;
}

std::vector<int32_t> worthiest_tokens(int64_t count, std::span<const double> worth) {
  std::vector<int32_t> kept(worth.size());
  std::iota(kept.begin(), kept.end(), 0);
  std::stable_sort(kept.begin(), kept.end(), [&](int32_t a, int32_t b) {
    return worth[static_cast<size_t>(a)] > worth[static_cast<size_t>(b)];
  });
  kept.resize(static_cast<size_t>(count));
  std::sort(kept.begin(), kept.end());
  return kept;
}

}  // namespace headwise
