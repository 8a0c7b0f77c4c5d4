// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: weights of heads by ridge regression on the listwise softmax loss (Cao et al., ICML
// 2007, with graded targets): our own selection method. It minimises, over standard weights v,
//
//   sum over queries of weight * [ - sum_d (y_d / sum y) log softmax_d(sum_h v_h s_h(d) / t_h) ] + ridge / 2
//   |v|^2
//
// where t_h is the head's usual spread: the weighted mean over queries of the deviation of s_h over
// candidates. The loss is strictly convex: there is one answer, whatever the way to it.
#pragma once

#include <span>
#include <vector>

#include "base/threads.h"
#include "heads/judged_scores.h"

namespace headwise {

struct ListwiseWeights {
  std::vector<double> standard;  // v: comparable between heads; one a place
  std::vector<double> raw;       // v / t: what is multiplied with scores as they are read
};

// For the heads at these places (layer * heads a layer + head). Same bits at any number of threads.
ListwiseWeights listwise_weights(const JudgedStores& stores, std::span<const int> places,
                                 const ReadOut& read_out, double ridge, ThreadPool& threads);

}  // namespace headwise
