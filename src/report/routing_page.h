// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the routing report as one HTML page that needs nothing else: verdict, table of methods
// with paired tests, overlap of the routed sets with a picture of head use by data set, layers and seconds
// saved.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "route/routing_evaluation.h"

namespace headwise {

// Seconds a query, measured on the same queries in turns: medians.
struct RoutingTimes {
  size_t queries = 0;
  std::string data;
  double full_depth = 0.0;  // every layer, the static set's heads read
  double static_set = 0.0;  // to the static set's deepest layer
  double routed = 0.0;      // to each query's own deepest layer, routing itself not counted
  double routing = 0.0;     // the router's share: embedding and choice
  double static_layers = 0.0, routed_layers = 0.0;  // layers run, mean
};

std::string routing_report_html(const RoutingEvaluation& evaluation, const Router& router,
                                const std::optional<RoutingTimes>& times);

}  // namespace headwise
