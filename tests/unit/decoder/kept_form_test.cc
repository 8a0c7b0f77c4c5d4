// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Budgets: how they are written, what share of each layer they come to, and which tokens stay.
#include "decoder/kept_form.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "support/kept_segments.h"

namespace headwise {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string printed(std::string_view text) {
  const auto budget = parse_keep_budget(text);
  return budget ? to_string(*budget) : budget.error().message();
}

TEST(KeepBudgetWords, AreReadAndPrinted) {
  EXPECT_EQ(printed("1"), "1");
  EXPECT_EQ(printed("1/4"), "0.25");
  EXPECT_EQ(printed("0.1"), "0.1");
  EXPECT_EQ(printed("1/32,tokens=norm"), "0.03125,tokens=norm");
  EXPECT_EQ(printed("0.5,split=pyramid"), "0.5,split=pyramid");
  EXPECT_EQ(printed("0.5,tokens=received,split=depth"), "0.5,split=depth,tokens=received");
  EXPECT_EQ(printed("1,split=join:13"), "1,split=join:13");
  EXPECT_EQ(printed("1,split=uniform,tokens=every"), "1");
  EXPECT_EQ(parse_keep_budget("1,split=join:13")->join, 13);
  for (const char* text : {"1/3", "0.7,split=join:2,tokens=norm"}) {
    EXPECT_EQ(printed(printed(text)), printed(text));
    EXPECT_EQ(parse_keep_budget(printed(text))->share, parse_keep_budget(text)->share);
  }
  EXPECT_TRUE(parse_keep_budget("1")->whole());
  EXPECT_FALSE(parse_keep_budget("1,split=join:2")->whole());
}

TEST(KeepBudgetWords, WrongOnesAreNamed) {
  EXPECT_EQ(printed("2"),
            "'2' is no share of the tokens; a budget is B[,split=uniform|depth|pyramid|join:L]"
            "[,tokens=every|received|norm] with B from 1/32 to 1, such as 0.25,split=pyramid");
  for (const char* text : {"", "x", "0", "-1", "nan", "inf", "0.01", "1/0", "1/", "/4", "1/4/5", " 1", "1 ",
                           "1%", "split=join:3"}) {
    EXPECT_THAT(printed(text), HasSubstr("is no share of the tokens")) << text;
  }
  for (const char* text :
       {"1,split=", "1,split=join", "1,split=join:", "1,split=join:-1", "1,split=join:3x", "1,split=flat"}) {
    EXPECT_THAT(printed(text), HasSubstr("names no split")) << text;
  }
  EXPECT_THAT(printed("1,tokens=some"), HasSubstr("'tokens=some' names no rule"));
  EXPECT_THAT(printed("1,"), HasSubstr("is neither split=... nor tokens=..."));
  EXPECT_THAT(printed("1,,"), HasSubstr("is neither split=... nor tokens=..."));
}

TEST(KeepTypeWords, AreReadAndPrinted) {
  for (const char* word : {"fp32", "bf16", "int8"}) EXPECT_EQ(to_string(*parse_kept_type(word)), word);
  EXPECT_EQ(parse_kept_type("fp16").error().message(),
            "'fp16' is no type to keep passages in; use fp32, bf16 or int8");
}

std::vector<float> shares(std::string_view text, int layers, const LayerBudget* file = nullptr) {
  return kept_form(KeptType::kInt8, parse_keep_budget(text).value(), file, layers).value().shares;
}
double mean(const std::vector<float>& of) {
  return std::accumulate(of.begin(), of.end(), 0.0) / static_cast<double>(of.size());
}

TEST(KeptForms, SplitsComeToShares) {
  EXPECT_TRUE(shares("1", 19).empty());
  EXPECT_THAT(shares("1/4", 3), ElementsAre(0.25f, 0.25f, 0.25f));
  EXPECT_THAT(shares("1,split=join:2", 4), ElementsAre(0.0f, 0.0f, 1.0f, 1.0f));
  EXPECT_THAT(shares("0.5,split=join:1", 3), ElementsAre(0.0f, 0.5f, 0.5f));
  EXPECT_TRUE(shares("1,split=join:0", 4).empty());
  // In proportion 7 : 5 : 3 : 1.
  const std::vector<float> falling = shares("0.5,split=pyramid", 4);
  EXPECT_THAT(falling, ElementsAre(0.875f, 0.625f, 0.375f, 0.125f));
  for (const char* text :
       {"1/32,split=pyramid", "0.1,split=pyramid", "0.6,split=pyramid", "0.97,split=pyramid"}) {
    const std::vector<float> bounded = shares(text, 19);
    EXPECT_NEAR(mean(bounded), parse_keep_budget(text)->share, 1e-6) << text;
    for (size_t i = 0; i < bounded.size(); ++i) {
      EXPECT_TRUE(bounded[i] >= 1.0f / 32 && bounded[i] <= 1.0f);
      EXPECT_TRUE(i == 0 || bounded[i] <= bounded[i - 1]);
    }
  }
}

TEST(KeptForms, DepthFollowsTheFile) {
  const LayerBudget losses{{}, {0.1, 0.0, 0.3, 0.2}};
  const std::vector<float> some = shares("0.25,split=depth", 4, &losses);
  EXPECT_NEAR(mean(some), 0.25, 1e-6);
  EXPECT_NEAR(some[2] / some[0], 3.0, 1e-4);
  EXPECT_NEAR(some[3] / some[0], 2.0, 1e-4);
  EXPECT_EQ(some[1], 1.0f / 32);
  // What the others have no use for goes to the layer that loses nothing.
  const std::vector<float> most = shares("0.9,split=depth", 4, &losses);
  EXPECT_NEAR(mean(most), 0.9, 1e-6);
  EXPECT_THAT(std::vector<float>({most[0], most[2], most[3]}), ElementsAre(1.0f, 1.0f, 1.0f));
  const LayerBudget nothing_lost{{}, {0.0, 0.0}};
  EXPECT_THAT(shares("0.5,split=depth", 2, &nothing_lost), ElementsAre(0.5f, 0.5f));
  const LayerBudget given{{0.0, 1.0, 0.5}, {}};
  EXPECT_THAT(shares("1,tokens=norm", 3, &given), ElementsAre(0.0f, 1.0f, 0.5f));
}

TEST(KeptForms, ContradictionsAreNamed) {
  const auto refusal = [](std::string_view text, const LayerBudget* file) {
    return kept_form(KeptType::kInt8, parse_keep_budget(text).value(), file, 3).error().message();
  };
  const LayerBudget losses{{}, {1.0, 2.0, 3.0}};
  const LayerBudget given{{1.0, 0.5, 0.5}, {}};
  const LayerBudget short_one{{1.0}, {}};
  EXPECT_THAT(refusal("0.5,split=depth", nullptr), HasSubstr("split=depth needs a budget file"));
  EXPECT_THAT(refusal("0.5", &losses), HasSubstr("add split=depth"));
  EXPECT_THAT(refusal("0.5,split=depth", &given), HasSubstr("leave the split out"));
  EXPECT_THAT(refusal("0.5", &given), HasSubstr("leave share and split out"));
  EXPECT_THAT(refusal("1", &short_one), HasSubstr("the budget file has 1 layers, and 3 are kept"));
  EXPECT_THAT(refusal("1,split=join:3", nullptr), HasSubstr("join:3 keeps nothing: layers 0 to 2 are kept"));
}

TEST(KeptTokens, Every) {
  EXPECT_THAT(every_token(3, 12), ElementsAre(3, 7, 11));
  EXPECT_THAT(every_token(3, 10), ElementsAre(3, 6, 9));
  EXPECT_THAT(every_token(1, 10), ElementsAre(9));
  EXPECT_THAT(every_token(4, 4), ElementsAre(0, 1, 2, 3));
  EXPECT_EQ(kept_count(0.0f, 10), 0);
  EXPECT_EQ(kept_count(0.1f, 3), 1);
  EXPECT_EQ(kept_count(0.1f, 75), 8);
  EXPECT_EQ(kept_count(1.0f, 75), 75);
}

TEST(KeptTokens, Worthiest) {
  const std::vector<double> worth{3.0, 1.0, 3.0, 2.0, 3.0};
  EXPECT_THAT(worthiest_tokens(2, worth), ElementsAre(0, 2));
  EXPECT_THAT(worthiest_tokens(4, worth), ElementsAre(0, 2, 3, 4));
}

// What stays are the numbers of the tokens that the rule names, in every layer and head.
TEST(ReducedSegments, HoldTheTokensThatTheRuleNames) {
  const int64_t tokens = 130;
  const auto width = size_t{8};
  const auto whole = random_kept(tokens, 3, static_cast<int64_t>(width), 2, true, 11);
  std::vector<float> received;
  for (int i = 0; i < 3 * tokens; ++i) received.push_back(static_cast<float>(i * 37 % 101));
  for (const BudgetTokens rule : {BudgetTokens::kEvery, BudgetTokens::kNorm, BudgetTokens::kReceived}) {
    const auto kept = std::dynamic_pointer_cast<const CpuKeptSegment>(
        whole->reduced({KeptType::kFloat32, {0.5f, 0.0f, 0.25f}, rule}, received));
    for (const int layer : {0, 1, 2}) {
      const KeptLayer& of = kept->layer(layer);
      ASSERT_EQ(of.count, layer == 0 ? 65 : layer == 1 ? 0 : 33);
      std::vector<double> worth;
      for (int64_t token = 0; token < tokens; ++token) {
        double norms = 0.0;
        for (int head = 0; head < 2; ++head) {
          const std::vector<float> keys = whole->keys(layer, head);
          double sum = 0.0;
          for (size_t d = 0; d < width; ++d) {
            sum += std::pow(static_cast<double>(keys[static_cast<size_t>(token) * width + d]), 2);
          }
          norms += std::sqrt(sum);
        }
        const double mass = received[static_cast<size_t>(layer * tokens + token)];
        worth.push_back(rule == BudgetTokens::kNorm ? -norms : mass);
      }
      for (int64_t token = 0, i = 0; token < tokens && of.count > 0; ++token) {
        const bool stays = std::binary_search(of.kept.begin(), of.kept.end(), static_cast<int32_t>(token));
        if (rule != BudgetTokens::kEvery) {
          const auto better = std::count_if(worth.begin(), worth.end(), [&](double other) {
            return other > worth[static_cast<size_t>(token)];
          });
          if (stays) {
            EXPECT_LT(better, of.count);
          }
        }
        for (int head = 0; stays && head < 2; ++head) {
          const auto row = [&](const std::vector<float>& rows, int64_t place) {
            return std::vector<float>(rows.begin() + place * static_cast<int64_t>(width),
                                      rows.begin() + (place + 1) * static_cast<int64_t>(width));
          };
          EXPECT_EQ(row(kept->keys(layer, head), i), row(whole->keys(layer, head), token));
          if (layer < 2) {
            EXPECT_EQ(row(kept->values(layer, head), i), row(whole->values(layer, head), token));
          }
        }
        i += stays ? 1 : 0;
      }
    }
  }
}

}  // namespace
}  // namespace headwise
