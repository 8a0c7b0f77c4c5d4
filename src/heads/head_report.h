// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: everything that `heads show` says of head-score stores and head sets, gathered in one
// value.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/threads.h"
#include "heads/head_map.h"
#include "heads/head_overlap.h"
#include "headwise/error.h"

namespace headwise {

struct HeadReport {
  // Behind `map` and `stability`; empty without a store.
  std::string model;
  std::vector<std::string> data;  // "dl21 (53 queries)", one a store
  size_t queries = 0;
  std::string reading;  // "ratio", "na, token filter low"
  std::optional<HeadMap> map;
  Stability stability;

  std::vector<NamedHeadSet> sets;
  std::vector<double> set_ndcg;  // of each set's weighted sum; empty without a store
  HeadOverlap overlap;

  // The sets that hold a head.
  std::vector<size_t> sets_with(HeadId head) const;
};

// The stores that a report is of: `folders` give them names.
struct ReportedStores {
  const JudgedStores& stores;
  const std::vector<std::filesystem::path>& folders;
  SelectionOptions options;  // calibration and token filter of the sums
  StabilityOptions stability;
};

// kInvalidInput when two sets are for different models, or a set does not fit the stores' model. `stores` may
// be null.
Result<HeadReport> head_report(std::vector<NamedHeadSet> sets, const ReportedStores* stores,
                               ThreadPool& threads);

}  // namespace headwise
