// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// An explanation is of the scores that `rank` gives, whatever the options: same order, same bits, and parts
// that add up.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "headwise/explanation.h"
#include "support/paths.h"

namespace headwise {
namespace {

constexpr const char* kQuery = "the lamp of the tower?";

std::shared_ptr<const Model> explained_model() {
  static const auto model = Model::load(test_data() / "golden" / "models" / "tiny-qwen3", {}).value();
  return model;
}

std::vector<Passage> passages() {
  return {{.id = "a",
           .title = "A lamp",
           .text = "The lamp of the northern tower was lit.",
           .first_stage_score = 3.0},
          {.id = "b", .title = "", .text = "tea", .first_stage_score = 9.0},
          {.id = "c",
           .title = "",
           .text = "\u00e9t\u00e9, \u65e5\u672c \U0001F600 <b>&</b>",
           .first_stage_score = 1.0},
          {.id = "d", .title = "", .text = "grain and grain and grain and grain", .first_stage_score = 2.0}};
}

struct Case {
  std::string name;
  RerankerOptions options;
};

std::vector<Case> cases() {
  std::vector<Case> all;
  for (Encoding encoding : {Encoding::kList, Encoding::kBlocks}) {
    const std::string prefix = encoding == Encoding::kList ? "list " : "blocks ";
    for (Calibration calibration : {Calibration::kNone, Calibration::kNa, Calibration::kRatio}) {
      RerankerOptions options;
      options.encoding = encoding;
      options.calibration = calibration;
      const std::string name = prefix + std::to_string(static_cast<int>(calibration));
      all.push_back({name, options});
      RerankerOptions weighted = options;
      weighted.heads = HeadSelection::parse("1-3,0-0,1-1").value();
      weighted.heads.weights = {1.0, -0.5, 2.0};
      all.push_back({name + " weighted heads in odd order", weighted});
      weighted.fusion = Fusion::kWeighted;
      all.push_back({name + " fused", weighted});
      weighted.fusion = Fusion::kReciprocalRank;
      weighted.top_k = 2;
      all.push_back({name + " reciprocal ranks, two", weighted});
      // Layers with fewer tokens, one of them with none.
      if (encoding == Encoding::kBlocks) {
        RerankerOptions kept = options;
        kept.keep.memory = uint64_t{1} << 24;
        kept.keep.type = KeptType::kInt8;
        kept.keep.budget = {.share = 0.4, .split = BudgetSplit::kJoin, .join = 1};
        all.push_back({name + " a part of the tokens from a layer on", kept});
        kept.keep.type = KeptType::kFloat32;
        kept.keep.budget = {.share = 0.3, .tokens = BudgetTokens::kNorm};
        all.push_back({name + " small keys", kept});
        if (calibration == Calibration::kNa) {
          kept.filter_after_sum = true;
          all.push_back({name + " small keys, filtered after the sum", kept});
        }
      }
      if (calibration != Calibration::kNa) continue;
      options.filter_after_sum = true;
      all.push_back({name + " filtered after the sum", options});
      options.heads = HeadSelection::parse("1-3,0-0,1-1").value();
      options.heads.weights = {1.0, -0.5, 2.0};
      all.push_back({name + " filtered after the sum, weighted", options});
    }
  }
  return all;
}

void expect_sum(double sum, double total) { EXPECT_NEAR(sum, total, 1e-12 * std::max(1.0, std::abs(total))); }

void expect_parts_add_up(const ExplainedPassage& passage, size_t heads) {
  double sum = 0.0;
  for (const ExplainedToken& token : passage.tokens) sum += token.weight;
  expect_sum(sum, passage.attention_score);
  ASSERT_EQ(passage.head_shares.size(), heads);
  ASSERT_EQ(passage.heads.size(), heads);
  double shares = 0.0;
  std::vector<double> by_token(passage.tokens.size(), 0.0);
  for (size_t h = 0; h < heads; ++h) {
    shares += passage.head_shares[h];
    double of_head = 0.0;
    for (size_t j = 0; j < by_token.size(); ++j) {
      of_head += passage.heads[h][j].weight;
      by_token[j] += passage.heads[h][j].weight;
      if (passage.heads[h][j].dropped) {
        EXPECT_EQ(passage.heads[h][j].weight, 0.0);
      }
    }
    expect_sum(of_head, passage.head_shares[h]);
  }
  expect_sum(shares, passage.attention_score);
  for (size_t j = 0; j < by_token.size(); ++j) EXPECT_NEAR(by_token[j], passage.tokens[j].weight, 1e-12);
}

void expect_scores_of_rank(const std::shared_ptr<const Model>& model) {
  for (const Case& one : cases()) {
    SCOPED_TRACE(one.name);
    // Of such models no passages are kept (kept_requests_test.cc).
    const bool longrope = model->config().rope_scaling.kind == RopeScaling::Kind::kLongrope;
    if (longrope && one.options.keep.memory > 0) continue;
    Reranker reranker = Reranker::create(model, one.options).value();
    const std::vector<Passage> given = passages();
    const Ranking ranking = reranker.rank(kQuery, given).value();
    for (int threads : {1, 2}) {
      RerankerOptions options = one.options;
      options.threads = threads;
      Reranker explaining = Reranker::create(model, options).value();
      const Explanation explanation = explaining.explain(kQuery, given, {.per_head = true}).value();
      EXPECT_EQ(explanation.heads, reranker.heads());
      ASSERT_EQ(explanation.passages.size(), ranking.passages.size());
      for (size_t i = 0; i < ranking.passages.size(); ++i) {
        const ExplainedPassage& passage = explanation.passages[i];
        EXPECT_EQ(passage.index, ranking.passages[i].index);
        EXPECT_EQ(passage.score, ranking.passages[i].score) << "to the last bit";
        expect_parts_add_up(passage, explanation.heads.size());
        ASSERT_EQ(passage.fused.has_value(), options.fusion != Fusion::kNone);
        if (passage.fused) {
          EXPECT_EQ(passage.fused->ours + passage.fused->first_stage, passage.score);
        } else {
          EXPECT_EQ(passage.attention_score, passage.score);
        }
      }
    }
  }
}

TEST(ExplainProperty, ScoresAreThoseOfRankAndPartsAddUp) { expect_scores_of_rank(explained_model()); }

TEST(ExplainProperty, OfEveryFamily) {
  for (const char* name : {"tiny-mistral-window", "tiny-gemma2", "tiny-gemma3", "tiny-olmo2", "tiny-smollm3",
                           "tiny-granite", "tiny-phi3", "tiny-phi4", "tiny-qwen3moe"}) {
    SCOPED_TRACE(name);
    expect_scores_of_rank(Model::load(test_data() / "golden" / "models" / name, {}).value());
  }
}

TEST(ExplainProperty, TokensSpellThePassage) {
  for (Encoding encoding : {Encoding::kList, Encoding::kBlocks}) {
    RerankerOptions options;
    options.encoding = encoding;
    Reranker reranker = Reranker::create(explained_model(), options).value();
    const std::vector<Passage> given = passages();
    const Explanation explanation = reranker.explain(kQuery, given, {}).value();
    for (const ExplainedPassage& passage : explanation.passages) {
      const Passage& was = given[static_cast<size_t>(passage.index)];
      // The marker's tokens are read and summed in `list`.
      const std::string marker =
          encoding == Encoding::kList ? "[" + std::to_string(passage.index + 1) + "] " : "";
      EXPECT_EQ(passage.text, marker + (was.title.empty() ? "" : was.title + "\n") + was.text);
      size_t at = 0;
      for (const ExplainedToken& token : passage.tokens) {
        EXPECT_EQ(token.begin, at);
        at = token.end;
      }
      EXPECT_EQ(at, passage.text.size());
      EXPECT_TRUE(passage.heads.empty());
    }
  }
}

TEST(ExplainProperty, AttentionIsWhatTheScoresAreSummedFrom) {
  Reranker reranker = Reranker::create(explained_model(), {}).value();
  const std::vector<Passage> given = passages();
  const HeadScores scores = reranker.head_scores(kQuery, given).value();
  const Explanation explanation = reranker.explain(kQuery, given, {.per_head = true}).value();
  for (const ExplainedPassage& passage : explanation.passages) {
    for (size_t h = 0; h < explanation.heads.size(); ++h) {
      double sum = 0.0;
      for (const HeadTokenView& token : passage.heads[h]) sum += token.attention;
      EXPECT_EQ(static_cast<float>(sum), scores.at(0, static_cast<int64_t>(h), passage.index));
    }
  }
}

TEST(ExplainProperty, AskingForHeadsChangesNothingElse) {
  for (const Case& one : cases()) {
    SCOPED_TRACE(one.name);
    Reranker reranker = Reranker::create(explained_model(), one.options).value();
    const Explanation with = reranker.explain(kQuery, passages(), {.per_head = true}).value();
    const Explanation without = reranker.explain(kQuery, passages(), {}).value();
    for (size_t i = 0; i < with.passages.size(); ++i) {
      EXPECT_EQ(with.passages[i].head_shares, without.passages[i].head_shares);
      for (size_t j = 0; j < with.passages[i].tokens.size(); ++j) {
        EXPECT_EQ(with.passages[i].tokens[j].weight, without.passages[i].tokens[j].weight);
        EXPECT_EQ(with.passages[i].tokens[j].dropped_by, without.passages[i].tokens[j].dropped_by);
      }
    }
  }
}

TEST(ExplainProperty, BadRequestsAreAnsweredAsRankAnswersThem) {
  RerankerOptions options;
  options.fusion = Fusion::kWeighted;
  Reranker reranker = Reranker::create(explained_model(), options).value();
  std::vector<Passage> given = passages();
  EXPECT_EQ(reranker.explain("", given, {}).error().code(), ErrorCode::kInvalidInput);
  EXPECT_EQ(reranker.explain("q", {}, {}).error().code(), ErrorCode::kInvalidInput);
  given[1].first_stage_score.reset();
  EXPECT_EQ(reranker.explain("q", given, {}).error().code(), ErrorCode::kUsage);
}

}  // namespace
}  // namespace headwise
