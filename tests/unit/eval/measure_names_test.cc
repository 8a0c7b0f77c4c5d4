// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "headwise/evaluation.h"

namespace headwise {
namespace {

using ::testing::HasSubstr;

std::string names(std::string_view list) {
  auto measures = parse_measures(list);
  if (!measures) return measures.error().message();
  std::string joined;
  for (const Measure& measure : *measures) joined += (joined.empty() ? "" : " ") + measure.name;
  return joined;
}

TEST(MeasureNames, OursAndTrecEvals) {
  EXPECT_EQ(names("ndcg@10,map,recip_rank,recall@100,p@10"), "ndcg@10 map recip_rank recall@100 p@10");
  EXPECT_EQ(names("ndcg_cut.10,ndcg_cut_20,P_10,P.5,recall_100,map_cut.1000"),
            "ndcg@10 ndcg@20 p@10 p@5 recall@100 map@1000");
  EXPECT_EQ(names("nDCG@10 MRR@10, rr AP"), "ndcg@10 recip_rank@10 recip_rank map");
}

TEST(MeasureNames, OnceEach) { EXPECT_EQ(names("map,ap,ndcg@10,ndcg_cut_10"), "map ndcg@10"); }

TEST(MeasureNames, EveryKnownMeasureIsAccepted) {
  for (const MeasureDescription& known : known_measures()) {
    const std::string name = known.name.substr(0, known.name.find_first_of("[@")) + "@10";
    EXPECT_EQ(names(name), name);
    EXPECT_FALSE(known.meaning.empty());
  }
}

TEST(MeasureNames, Mistakes) {
  EXPECT_THAT(names("ndgc@10"),
              HasSubstr("unknown measure 'ndgc@10': known are ndcg[@k], map[@k], recip_rank[@k], p@k"));
  EXPECT_THAT(names(""), HasSubstr("unknown measure ''"));
  EXPECT_THAT(names(",,"), HasSubstr("unknown measure ''"));
  EXPECT_THAT(names("10"), HasSubstr("unknown measure '10'"));
  EXPECT_THAT(names("p"), HasSubstr("needs the number of ranks it reads, as in p@10"));
  EXPECT_THAT(names("ndcg@0"), HasSubstr("from 1 on"));
  EXPECT_THAT(names("ndcg@99999999999999999999"), HasSubstr("from 1 on"));
  EXPECT_THAT(names("ndcg@"), HasSubstr("unknown measure"));
  EXPECT_THAT(names("ndcg@-5"), HasSubstr("unknown measure"));
}

}  // namespace
}  // namespace headwise
