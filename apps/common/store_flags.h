// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the flags of the verbs that work on head-score stores (heads select, heads show): the
// stores, their judgements, and how scores are calibrated before they are measured.
#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <string>
#include <vector>

#include "common/app.h"
#include "heads/selection.h"

namespace headwise {

struct StoreFlags {
  std::vector<std::filesystem::path> stores;
  std::vector<std::filesystem::path> qrels;
  std::string calibration = "ratio";
  bool no_filter = false;
  int threads = 0;
  const char* token_filter() const { return no_filter ? "none" : "low"; }
};

// All in help group "Work", --threads in "Result".
void add_store_flags(CLI::App& verb, StoreFlags& flags);

// kUsage when a store or its judgements are missing. Notes how many queries are left out and why.
Result<JudgedStores> load_stores(const StoreFlags& flags, const AppContext& context);
// Calibration and filter put in.
void put_in_calibration(const StoreFlags& flags, SelectionOptions& options);

}  // namespace headwise
