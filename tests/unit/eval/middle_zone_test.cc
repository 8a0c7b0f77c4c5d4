// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "eval/middle_zone.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

namespace headwise {
namespace {

// Eight candidates: places 3 to 6 are the middle zone. a1 .. a8 stand in this order in the prompt.
Run prompts() {
  headwise::Run run;
  RunQuery query{"q", {}};
  for (int i = 1; i <= 8; ++i) query.entries.push_back({"a" + std::to_string(i), 10.0 - i, i});
  run.queries.push_back(query);
  return run;
}

Run ranked(const std::vector<std::pair<int, double>>& answers) {
  headwise::Run run;
  RunQuery query{"q", {}};
  for (const auto& [place, score] : answers) {
    query.entries.push_back({"a" + std::to_string(place), score, static_cast<int>(query.entries.size()) + 1});
  }
  run.queries.push_back(query);
  return run;
}

Qrels judged() { return {{{"q", {{"a4", 2}, {"a6", 1}, {"a1", 1}, {"a5", 0}}}}}; }

TEST(MiddleZone, IsTheMiddleHalf) {
  EXPECT_EQ(middle_places(40).first, 11);
  EXPECT_EQ(middle_places(40).last, 30);
  EXPECT_EQ(middle_places(8).first, 3);
  EXPECT_EQ(middle_places(8).last, 6);
  EXPECT_EQ(middle_places(1).first, 1);
  EXPECT_EQ(middle_places(1).last, 1);
}

TEST(MiddleZone, RatesAndDeviationsAreTheFormulas) {
  const headwise::Run run =
      ranked({{4, 8}, {8, 4}, {1, 2}, {3, 1}, {6, .5}, {5, .25}, {2, .125}, {7, .0625}});
  const auto zone = middle_zone_figures(run, prompts(), judged(), 0, false);
  ASSERT_TRUE(zone) << zone.error().to_string();
  EXPECT_EQ(zone->depth, 8);
  EXPECT_EQ(zone->relevant, 2);         // a4, a6
  EXPECT_EQ(zone->irrelevant, 2);       // a3, a5
  EXPECT_EQ(zone->relevant_rate, 1.0);  // eight candidates: all end at rank 10 or better
  EXPECT_EQ(zone->irrelevant_rate, 1.0);
  EXPECT_TRUE(zone->log_scores);
  // log2 of the scores inside are 3, 0, -1, -2; outside 2, 1, -3, -4.
  EXPECT_NEAR(zone->deviation_inside, std::log(2.0) * std::sqrt((9.0 + 0 + 1 + 4) / 3), 1e-12);
  EXPECT_NEAR(zone->deviation_outside, std::log(2.0) * std::sqrt((9.0 + 4 + 4 + 9) / 3), 1e-12);
  ASSERT_EQ(zone->places.size(), 8u);
  EXPECT_EQ(zone->places[3].relevant, 1);
  EXPECT_EQ(zone->places[4].relevant, 0);
  // The ideal order is a4 (2), then a6 and a1 (1 each); found at ranks 1, 5 and 3.
  const double ideal = 2 + 1 / std::log2(3.0) + 1 / std::log2(4.0);
  EXPECT_NEAR(zone->places[3].ndcg, (2 + 1 / std::log2(4.0) + 1 / std::log2(6.0)) / ideal, 1e-9);
}

TEST(MiddleZone, CountsWhoReachesTheTop) {
  headwise::Run prompt;
  headwise::Run run;
  RunQuery order{"q", {}};
  RunQuery answers{"q", {}};
  for (int i = 1; i <= 40; ++i) order.entries.push_back({"d" + std::to_string(i), 100.0 - i, i});
  // The run turns the order round: places 40 .. 31 come first, so nothing of the zone reaches rank 10.
  for (int i = 40; i >= 1; --i)
    answers.entries.push_back({"d" + std::to_string(i), static_cast<double>(i), 41 - i});
  prompt.queries.push_back(order);
  run.queries.push_back(answers);
  const Qrels qrels{{{"q", {{"d20", 1}, {"d35", 1}}}}};
  EXPECT_EQ(middle_zone_figures(run, prompt, qrels, 40, false)->relevant_rate, 0.0);
  // Of the first 30 only, places 8 to 23 are the middle; ranks are counted among them: d30 .. d21 come first.
  const auto shorter = middle_zone_figures(run, prompt, qrels, 30, false);
  EXPECT_EQ(shorter->depth, 30);
  EXPECT_EQ(shorter->relevant, 1);
  EXPECT_EQ(shorter->relevant_rate, 0.0);
  EXPECT_NEAR(shorter->irrelevant_rate, 3.0 / 15.0, 1e-12);  // d21, d22, d23 of fifteen
  // Best last: d20 stands at place 21, and the zone is the same.
  EXPECT_EQ(middle_zone_figures(run, prompt, qrels, 40, true)->relevant, 1);
}

TEST(MiddleZone, NothingInCommonIsAnError) {
  headwise::Run other = prompts();
  other.queries.front().id = "r";
  const auto zone = middle_zone_figures(other, prompts(), judged(), 0, false);
  ASSERT_FALSE(zone);
  EXPECT_EQ(zone.error().code(), ErrorCode::kInvalidInput);
}

}  // namespace
}  // namespace headwise
