// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the flags of every verb that works on head-score stores (heads select, heads show, route
// label, train, report), and the stores they name.
#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <string>
#include <vector>

#include "common/app.h"
#include "heads/selection.h"
#include "rerank/option_words.h"

namespace headwise {

struct StoreFlags {
  std::vector<std::filesystem::path> stores;
  std::vector<std::filesystem::path> qrels;
  std::string calibration = "ratio";
  std::string balance = "queries";
  bool no_filter = false;
  int threads = 0;

  ReadOut read_out() const;
  Balance balanced() const;
  // "low" or "none", as files say it.
  const char* token_filter() const { return no_filter ? "none" : "low"; }
};

// --store, --qrels, --threads, --balance, and with `read_out` --calibration and --no-token-filter.
void add_store_flags(CLI::App& verb, StoreFlags& flags, bool read_out = true);

// kUsage when a store or its judgements are missing. Notes how many queries are left out and why.
Result<JudgedStores> load_stores(const StoreFlags& flags, const AppContext& context);
// Calibration and filter put in.
void put_in_calibration(const StoreFlags& flags, SelectionOptions& options);

}  // namespace headwise
