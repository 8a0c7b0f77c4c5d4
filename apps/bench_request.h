// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: what `bench` runs when it is given nothing: a question and passages of plain English,
// all different, of any number and length. Same numbers, same text, on every machine.
#pragma once

#include <string>
#include <vector>

#include "headwise/reranker.h"

namespace headwise {

struct BenchRequest {
  std::string query;
  std::vector<Passage> passages;
};

// `words` white-space separated words in each passage.
BenchRequest built_in_request(int passages, int words);

// Work of one ranking in floating-point operations, a multiply-add counting 2. Linear layers are counted
// exactly but for the query rows of the deepest layer read; attention from the mean passage length, which can
// only count too little.
struct RankingWork {
  double linear = 0.0;
  double attention = 0.0;
};
RankingWork work_of(const ModelConfig& config, const RerankerOptions& options,
                    const RankingStatistics& statistics, int passages);

}  // namespace headwise
