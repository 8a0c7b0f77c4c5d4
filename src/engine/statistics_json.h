// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: what a ranking took, as every front end writes it.
#pragma once

#include <nlohmann/json.hpp>

#include "headwise/reranker.h"

namespace headwise {

// Counts alone: times differ from run to run, and whoever shows them says which.
nlohmann::ordered_json statistics_json(const RankingStatistics& statistics);

}  // namespace headwise
