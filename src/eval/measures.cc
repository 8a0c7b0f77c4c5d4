// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Sums run in trec_eval's order (rank 1 first, in double), so that values agree to the last digits.
#include "eval/measures.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace headwise {
namespace {

size_t relevant_in(const JudgedRanking& ranking, int cut) {
  size_t found = 0;
  for (size_t i = 0; i < ranking.depth(cut); ++i) found += ranking.is_relevant(i) ? 1u : 0u;
  return found;
}

double ratio(size_t part, size_t whole) {
  return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
}

// Gain = grade (not 2^grade - 1); the ideal ranking holds every judged document, retrieved or not.
double ndcg(const JudgedRanking& ranking, int cut) {
  auto discounted = [](int gain, size_t place) { return gain / std::log2(static_cast<double>(place + 2)); };
  double sum = 0.0, best = 0.0;
  for (size_t i = 0; i < ranking.depth(cut); ++i) {
    const int gain = ranking.grades[i].value_or(0);
    if (gain > 0) sum += discounted(gain, i);
  }
  const size_t ideal_depth =
      cut > 0 ? std::min(ranking.ideal.size(), static_cast<size_t>(cut)) : ranking.ideal.size();
  for (size_t i = 0; i < ideal_depth; ++i) best += discounted(ranking.ideal[i], i);
  return best > 0.0 ? sum / best : 0.0;
}

double average_precision(const JudgedRanking& ranking, int cut) {
  double sum = 0.0;
  size_t found = 0;
  for (size_t i = 0; i < ranking.depth(cut); ++i) {
    if (ranking.is_relevant(i)) sum += ratio(++found, i + 1);
  }
  return ranking.relevant == 0 ? 0.0 : sum / static_cast<double>(ranking.relevant);
}

double reciprocal_rank(const JudgedRanking& ranking, int cut) {
  for (size_t i = 0; i < ranking.depth(cut); ++i) {
    if (ranking.is_relevant(i)) return ratio(1, i + 1);
  }
  return 0.0;
}

double precision(const JudgedRanking& ranking, int cut) {
  return ratio(relevant_in(ranking, cut), static_cast<size_t>(cut));
}

double recall(const JudgedRanking& ranking, int cut) {
  return ratio(relevant_in(ranking, cut), ranking.relevant);
}

double success(const JudgedRanking& ranking, int cut) { return relevant_in(ranking, cut) > 0 ? 1.0 : 0.0; }

double judged(const JudgedRanking& ranking, int cut) {
  const size_t depth = ranking.depth(cut);
  const auto known = std::count_if(ranking.grades.begin(), ranking.grades.begin() + static_cast<long>(depth),
                                   [](const std::optional<int>& grade) { return grade.has_value(); });
  return ratio(static_cast<size_t>(known), depth);
}

constexpr std::array<MeasureRow, 7> kMeasures{{
    {"ndcg", "ndcg", "ndcg_cut", true, false, "discounted gain, gain = grade, over that of the best ranking",
     ndcg},
    {"map", "map", "map_cut", true, false, "average precision", average_precision},
    {"recip_rank", "recip_rank", "", true, false, "1 / rank of the first relevant document", reciprocal_rank},
    {"p", "", "P", true, true, "share of the first k ranks that is relevant", precision},
    {"recall", "", "recall", true, true, "share of the relevant documents in the first k ranks", recall},
    {"success", "", "success", true, true, "1 when one of the first k ranks is relevant", success},
    {"judged", "", "", true, true, "share of the answers in the first k ranks that was judged", judged},
}};

}  // namespace

size_t JudgedRanking::depth(int cut) const {
  return cut > 0 ? std::min(grades.size(), static_cast<size_t>(cut)) : grades.size();
}

std::span<const MeasureRow> measure_table() { return kMeasures; }

}  // namespace headwise
