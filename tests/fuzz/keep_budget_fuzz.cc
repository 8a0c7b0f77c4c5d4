// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Any bytes as a budget file and as --keep-budget: an error, or a budget that is written and read back the
// same, and whose shares are within bounds for any number of layers.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "passages/budget_file.h"

namespace {

using namespace headwise;  // NOLINT(google-build-using-namespace): a program of its own, not a header

void check_shares(const Result<KeptForm>& form, size_t layers) {
  if (!form) return;
  if (!form->shares.empty() && form->shares.size() != layers) std::abort();
  for (const float share : form->shares) {
    if (share != 0.0f && !(share >= static_cast<float>(kLeastShare) && share <= 1.0f)) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto file = parse_budget_file(text)) {
    const auto again = parse_budget_file(format_budget_file(*file));
    if (!again || again->budget.shares != file->budget.shares || again->losses != file->losses ||
        again->budget.sensitivity != file->budget.sensitivity) {
      std::abort();
    }
    const LayerBudget& budget = file->budget;
    const size_t layers = budget.shares.empty() ? budget.sensitivity.size() : budget.shares.size();
    const auto split = budget.shares.empty() ? BudgetSplit::kDepth : BudgetSplit::kUniform;
    check_shares(kept_form(KeptType::kInt8, {.share = budget.shares.empty() ? 0.3 : 1.0, .split = split},
                           &budget, static_cast<int>(layers)),
                 layers);
  }
  if (const auto budget = parse_keep_budget(text)) {
    const auto again = parse_keep_budget(to_string(*budget));
    if (!again || again->share != budget->share || again->split != budget->split ||
        again->join != budget->join || again->tokens != budget->tokens) {
      std::abort();
    }
    check_shares(kept_form(KeptType::kInt8, *budget, nullptr, 19), 19);
  }
  return 0;
}
