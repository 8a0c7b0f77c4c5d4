// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: everything that `heads show` says, gathered in one value, and the HTML page of it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "heads/head_map.h"
#include "heads/head_overlap.h"

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

// One page that needs nothing else.
std::string head_report_html(const HeadReport& report);

// Its pictures, also tested by themselves. Layers run from left to right in both, at the same places.
std::string head_map_svg(const HeadReport& report);  // report.map must be there
std::string layer_curve_svg(const HeadMap& map);

// Sets that are told apart by the colour of their outline; with more, all have one.
inline constexpr size_t kMostOutlines = 4;

}  // namespace headwise
