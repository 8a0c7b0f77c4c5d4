// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the budget file that `headwise heads sensitivity` writes beside a head set, or a person
// by hand: what each layer loses when it is pruned, or what share of the tokens each keeps
// (docs/formats.md#budget-files).
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "decoder/kept_form.h"
#include "headwise/error.h"
#include "headwise/keep.h"

namespace headwise {

struct BudgetFile {
  std::string model;   // fingerprint; empty: any model with as many layers
  std::string source;  // what it was measured on, in words
  int64_t queries = 0;
  LayerBudget budget;
  // Beside budget.sensitivity, which is the mean: by share that was kept, by layer.
  std::vector<double> kept;
  std::vector<std::vector<double>> losses;
};

// kInvalidInput names the member that is wrong.
Result<BudgetFile> parse_budget_file(std::string_view json);
std::string format_budget_file(const BudgetFile& file);
Result<BudgetFile> read_budget_file(const std::filesystem::path& path);

// The form that passages are kept in: kept_form() with the file that the budget names. kUsage when it is
// another model's.
Result<KeptForm> keep_form_of(const KeepOptions& options, const std::string& model, int layers);

}  // namespace headwise
