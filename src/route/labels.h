// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: pseudo labels for a router: for each training query the small set of heads that ranks
// its candidates best, found by forward + swap search in a pool (docs/method.md#routing; RouteHead, arXiv
// 2604.24608, reconstruction), and the file that holds them.
//
// A label fits one query's noise as well as its signal: it is what a router is trained on, never a result.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/threads.h"
#include "heads/forward_swap.h"
#include "heads/judged_scores.h"
#include "headwise/head_selection.h"

namespace headwise {

struct LabelOptions {
  int pool = 64;  // K: the best heads by single-head nDCG@10
  int most = 8;   // P: heads of a label at most
  int votes = 1;  // searches for each query, on samples of its candidates; heads found in half of them stay
  double sample = 0.75;  // share of the candidates in a sample; votes 1 uses all of them
  uint64_t seed = 1;     // of the samples
  ReadOut read_out;
};

struct QueryLabel {
  std::string id;
  std::string text;
  size_t store = 0;
  std::vector<int> members;  // places in the pool, ascending
  double ndcg = 0.0;         // of the label on its own query: an oracle's figure
};

struct RoutingLabels {
  // What the stores were written with, and how they were read.
  StoreManifest manifest;
  std::string calibration;
  std::string token_filter;
  std::vector<std::string> data;
  std::vector<HeadId> pool;  // best first
  int most = 0;
  int votes = 1;
  std::vector<QueryLabel> queries;
  size_t unjudged = 0;          // left out: no judgements,
  size_t without_relevant = 0;  // no relevant candidate,
  size_t ties = 0;              // every head set ranks alike
};

// Queries found in several stores under the same id and text (other orders, other shuffles) get one label:
// each store's candidates vote. kInvalidInput when no query is left. Same result at any number of threads.
Result<RoutingLabels> make_labels(const JudgedStores& stores, const LabelOptions& options,
                                  ThreadPool& threads);

// One query's search; the pool's places, ascending. Empty when every head set ties.
std::vector<int> label_of_query(const PoolQuery& query, int pool, int most, ThreadPool& threads);

std::string format_labels(const RoutingLabels& labels);
// kInvalidInput names the member that is wrong.
Result<RoutingLabels> parse_labels(std::string_view text);
Result<RoutingLabels> read_labels(const std::filesystem::path& path);

}  // namespace headwise
