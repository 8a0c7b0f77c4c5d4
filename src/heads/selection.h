// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the methods that find heads in head-score stores (docs/method.md#head-selection). Each
// is a row of a table; every constant of its paper is a member of SelectionOptions with the published value.
//
//   all       every head (Chen et al., ICLR 2025, arXiv 2410.02642)
//   layers    a window of layers around the peak of nDCG@10 by layer (Selective-ICR, arXiv 2602.22591)
//   qr        calibrated attention to relevant passages (QRHead, arXiv 2506.09944)
//   core      softmax of the positive against negatives, uncalibrated (CoRe heads, arXiv 2510.02219)
//   headrank  grades told apart, less an entropy term (HeadRank, arXiv 2604.17237; reconstruction)
//   static    forward + swap search for one set (control for RouteHead, arXiv 2604.24608)
//   weighted  weights by listwise regression (ours; src/heads/listwise_weights.h)
//   random    seeded control
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/threads.h"
#include "heads/judged_scores.h"
#include "headwise/head_set.h"

namespace headwise {

struct SelectionOptions {
  int count = 0;                                  // heads wanted; 0: the method's published number
  int max_layer = -1;                             // heads of deeper layers are left out; -1: none
  Calibration calibration = Calibration::kRatio;  // of the scores that are summed and measured
  TokenFilter token_filter = TokenFilter::kLow;
  int window = 4;               // layers: width
  bool qr_by_ndcg = false;      // qr: mean nDCG@10 of the single head instead of attention mass
  double temperature = 0.001;   // core
  int negatives = 0;            // core: first so many candidates without a grade, 0: all
  double entropy_weight = 0.1;  // headrank
  double margin_scale = 0.1;    // headrank: the sigmoid's
  int pool = 64;                // static
  double ridge = 1.0;           // weighted: of the squared weights
  uint64_t seed = 0;            // random
};

struct Selection {
  std::vector<HeadId> heads;        // best first
  std::vector<double> head_scores;  // of the method; empty where it has none
  std::vector<double> weights;      // one a head; empty: 1 each
  double ndcg = 0.0;                // mean nDCG@10 of the set on these queries, under options.calibration
};

struct SelectionMethod {
  std::string_view name;
  std::string_view purpose;
  int published_count;  // 0: the method decides itself
  // The method's score for every head, [layers * heads]; empty for methods that do not score heads.
  std::vector<double> (*score)(const JudgedStores& stores, const SelectionOptions& options,
                               ThreadPool& threads);
  // For methods that are not "the best `count` by score"; else null.
  Selection (*select)(const JudgedStores& stores, const SelectionOptions& options, int count,
                      ThreadPool& threads);
};

std::span<const SelectionMethod> selection_methods();
std::vector<std::string> selection_method_names();
const SelectionMethod* find_selection_method(std::string_view name);

// kUsage when the options leave no head.
Result<Selection> select_heads(const JudgedStores& stores, const SelectionMethod& method,
                               const SelectionOptions& options, ThreadPool& threads);

// What was found as a head set: with how the stores were read, and the data it was found in.
HeadSet head_set_of(const JudgedStores& stores, const Selection& found, const SelectionMethod& method,
                    const SelectionOptions& options);

// nDCG@10 of every single head for every query, [queries, layers * heads], and its mean over queries.
std::vector<double> query_head_ndcg(const JudgedStores& stores, const SelectionOptions& options,
                                    ThreadPool& threads);
std::vector<double> single_head_ndcg(const JudgedStores& stores, const SelectionOptions& options,
                                     ThreadPool& threads);

// Mean nDCG@10 of each layer's summed heads, and the window of `width` layers around the best one: one layer
// more above the peak than below when the width is even (Selective-ICR).
struct LayerWindow {
  int peak = 0;
  int first = 0;
  int last = 0;
};
std::vector<double> layer_ndcg(const JudgedStores& stores, const SelectionOptions& options,
                               ThreadPool& threads);
LayerWindow window_around_peak(std::span<const double> by_layer, int width);

// Mean nDCG@10 of summed heads.
struct HeadSum {
  std::span<const HeadId> heads;
  std::span<const double> weights = {};  // empty or one a head
  double first_stage_weight = 0.0;       // z(first stage) * weight added to z(sum); the sum's weight is 1
};
double sum_ndcg(const JudgedStores& stores, const HeadSum& sum, const SelectionOptions& options,
                ThreadPool& threads);
double set_ndcg(const JudgedStores& stores, std::span<const HeadId> heads, const SelectionOptions& options,
                ThreadPool& threads);
// Of the first stage's own order.
double first_stage_ndcg(const JudgedStores& stores);

}  // namespace headwise
