// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: how a mean over several stores is weighed, in words.
#pragma once

#include <array>

#include "heads/judged_scores.h"
#include "rerank/option_words.h"

namespace headwise {

inline constexpr std::array<Word<Balance>, 2> kBalanceWords{
    {{"queries", Balance::kQueries}, {"stores", Balance::kStores}}};

}  // namespace headwise
