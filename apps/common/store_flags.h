// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the flags of every verb that works on head-score stores (heads select, heads show, route
// label, train, report), and the stores they name.
#pragma once

#include <CLI/CLI.hpp>
#include <array>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "common/app.h"
#include "heads/selection.h"

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

inline constexpr std::array<std::pair<const char*, Calibration>, 3> kCalibrationWords{
    {{"none", Calibration::kNone}, {"na", Calibration::kNa}, {"ratio", Calibration::kRatio}}};

// A table of words and their meanings; the first row serves for a word that is not there.
template <typename Rows>
auto meaning_of(const Rows& rows, const std::string& name) {
  for (const auto& [word, value] : rows) {
    if (name == word) return value;
  }
  return rows.front().second;
}
template <typename Rows>
std::vector<std::string> words_of(const Rows& rows) {
  std::vector<std::string> names;
  for (const auto& row : rows) names.emplace_back(row.first);
  return names;
}

}  // namespace headwise
