// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// One encoding, many forms: as run the scores are a Reranker's, bit for bit; the other forms come close or go
// away from them as they should.
#include "rerank/form_reader.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/rank_correlation.h"
#include "decoder/kept_form.h"
#include "support/paths.h"

namespace headwise {
namespace {

std::vector<Passage> some_passages() {
  std::vector<Passage> passages;
  for (const char* text :
       {"tea", "the northern sea and the lamp of the tower", "grain, grain, grain and tea leaves",
        "a tower by the sea: its lamp is lit at night, and ships that pass see it from afar"}) {
    passages.push_back(
        {.id = std::to_string(passages.size()), .title = "", .text = text, .first_stage_score = {}});
  }
  return passages;
}

std::vector<double> scores_of(const std::shared_ptr<const Model>& model, const RerankerOptions& options,
                              std::string_view query, const std::vector<Passage>& passages) {
  const Ranking ranking = Reranker::create(model, options)->rank(query, passages).value();
  std::vector<double> scores(passages.size());
  for (const ScoredPassage& hit : ranking.passages) scores[static_cast<size_t>(hit.index)] = hit.score;
  return scores;
}

TEST(FormReader, AsRunTheScoresAreARerankers) {
  const auto model = Model::load(test_data() / "golden" / "models" / "tiny-qwen3", {}).value();
  const std::vector<Passage> passages = some_passages();
  for (const Calibration calibration : {Calibration::kNone, Calibration::kNa, Calibration::kRatio}) {
    for (const bool after_sum : {false, true}) {
      if (after_sum && calibration != Calibration::kNa) continue;
      RerankerOptions options;
      options.calibration = calibration;
      options.filter_after_sum = after_sum;
      FormReader reader = FormReader::create(model, options, calibration == Calibration::kNa).value();
      for (const char* query : {"the lamp of the tower?", "tea"}) {
        ASSERT_TRUE(reader.encode(query, passages, nullptr));
        EXPECT_EQ(reader.scores({}, nullptr).value(), scores_of(model, options, query, passages));
        const uint64_t whole = reader.bytes();
        const std::vector<double> narrow = reader.scores({.type = KeptType::kInt8}, nullptr).value();
        EXPECT_LT(reader.bytes(), whole / 2);
        EXPECT_NE(narrow, reader.scores({}, nullptr).value());
      }
    }
  }
}

// A Reranker that keeps passages in a form gives a form's scores, at first sight and later, alone and beside
// others that it knows.
TEST(FormReader, AFormsScoresAreThoseOfARerankerThatKeepsIt) {
  const auto model = Model::load(test_data() / "golden" / "models" / "tiny-qwen2", {}).value();
  const std::vector<Passage> passages = some_passages();
  struct Way {
    KeptType type;
    const char* budget;
  };
  for (const Way& way :
       {Way{KeptType::kBfloat16, "1"}, Way{KeptType::kInt8, "1"}, Way{KeptType::kFloat32, "1/2"},
        Way{KeptType::kInt8, "1/4,tokens=norm"}, Way{KeptType::kFloat32, "0.3,split=pyramid,tokens=received"},
        Way{KeptType::kBfloat16, "1,split=join:1"}}) {
    SCOPED_TRACE(to_string(way.type) + " " + way.budget);
    RerankerOptions options;
    options.keep.memory = uint64_t{1} << 24;
    options.keep.type = way.type;
    options.keep.budget = parse_keep_budget(way.budget).value();
    FormReader reader = FormReader::create(model, options, true).value();
    const KeptForm form = kept_form(way.type, options.keep.budget, nullptr, reader.layers()).value();
    Reranker reranker = Reranker::create(model, options).value();
    const auto scores = [&](std::span<const Passage> of, std::string_view query) {
      const Ranking ranking = reranker.rank(query, of).value();
      std::vector<double> by_place(of.size());
      for (const ScoredPassage& hit : ranking.passages) by_place[static_cast<size_t>(hit.index)] = hit.score;
      return by_place;
    };
    const auto expected = [&](std::span<const Passage> of, std::string_view query) {
      EXPECT_TRUE(reader.encode(query, of, nullptr));
      return reader.scores(form, nullptr).value();
    };
    const std::span<const Passage> all(passages);
    EXPECT_EQ(scores(all.first(2), "tea"), expected(all.first(2), "tea")) << "first sight";
    EXPECT_EQ(scores(all, "the sea?"), expected(all, "the sea?")) << "some known";
    EXPECT_EQ(scores(all, "the lamp"), expected(all, "the lamp")) << "all known";
    EXPECT_EQ(scores(all.subspan(1, 2), "tea"), expected(all.subspan(1, 2), "tea"));
  }
}

TEST(FormReader, EveryFormGivesNumbers) {
  const auto model = Model::load(test_data() / "golden" / "models" / "tiny-llama", {}).value();
  FormReader reader = FormReader::create(model, {}, true).value();
  ASSERT_TRUE(reader.encode("the lamp of the tower?", some_passages(), nullptr));
  const std::vector<double> whole = reader.scores({}, nullptr).value();
  std::vector<float> join(static_cast<size_t>(reader.layers()), 0.0f);
  join.back() = 1.0f;
  for (const BudgetTokens rule : {BudgetTokens::kEvery, BudgetTokens::kNorm, BudgetTokens::kReceived}) {
    for (const std::vector<float>& shares :
         {join, std::vector<float>(static_cast<size_t>(reader.layers()), 1.0f / 32)}) {
      const std::vector<double> scores = reader.scores({KeptType::kBfloat16, shares, rule}, nullptr).value();
      for (const double score : scores) EXPECT_TRUE(std::isfinite(score));
      EXPECT_NE(scores, whole);
    }
  }
  // Rounding to bf16 alone moves little.
  const std::vector<double> rounded = reader.scores({.type = KeptType::kBfloat16}, nullptr).value();
  for (size_t i = 0; i < whole.size(); ++i)
    EXPECT_NEAR(rounded[i], whole[i], 0.05 * std::abs(whole[i]) + 0.05);
  RerankerOptions list;
  list.encoding = Encoding::kList;
  EXPECT_EQ(FormReader::create(model, list, false).error().code(), ErrorCode::kUsage);
}

TEST(KendallTau, KnownValues) {
  const std::vector<double> order{1, 2, 3, 4};
  EXPECT_DOUBLE_EQ(kendall_tau(order, order), 1.0);
  EXPECT_DOUBLE_EQ(kendall_tau(order, std::vector<double>{4, 3, 2, 1}), -1.0);
  EXPECT_DOUBLE_EQ(kendall_tau(order, std::vector<double>{2, 1, 3, 4}), 4.0 / 6);
  // scipy.stats.kendalltau([1, 2, 2, 3], [1, 2, 3, 3]) = 0.8
  EXPECT_DOUBLE_EQ(kendall_tau(std::vector<double>{1, 2, 2, 3}, std::vector<double>{1, 2, 3, 3}), 0.8);
  EXPECT_DOUBLE_EQ(kendall_tau(order, std::vector<double>(4, 1.0)), 0.0);
}

}  // namespace
}  // namespace headwise
