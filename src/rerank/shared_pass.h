// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: a pass for several queries over the same passages, which run once, as do the
// instruction and the content-free query.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "headwise/passage.h"
#include "headwise/reranker.h"
#include "rerank/prompt_builder.h"

namespace headwise {

// The same texts in the same order.
bool same_passages(std::span<const Passage> a, std::span<const Passage> b);
// Of all queries, in the order of RowGroupPlace and row_group_of().
std::vector<RowGroup> row_groups(const BuiltPrompt& prompt);
// What the pass took of one query: the prompt is as if the query were alone, the first one has run what all
// share, and times are divided.
RankingStatistics share_of(RankingStatistics whole, const BuiltPrompt& prompt, size_t query);

}  // namespace headwise
