// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Passages that are kept in another form than they were run in change scores, but always to the same ones: at
// first sight and later, beside whichever others they were first seen, at any number of threads.
#include <gtest/gtest.h>

#include <cmath>

#include "headwise/reranker.h"
#include "support/paths.h"

namespace headwise {
namespace {

constexpr uint64_t kMemory = uint64_t{32} << 20;
constexpr const char* kQuestionOfForms = "the lamp of the tower?";

std::vector<Passage> form_passages() {
  std::vector<Passage> made;
  for (const char* text :
       {"The lamp of the northern tower was lit at nine.", "tea", "grain and grain and grain, and a lamp",
        "the sea, the leaf, the tower, the grain of the northern sea and a lamp that nobody lit in summer",
        "\u00e9t\u00e9 and tea of the sea"}) {
    made.push_back({.id = {}, .title = {}, .text = text});
  }
  return made;
}

std::vector<double> by_index(const Ranking& ranking) {
  std::vector<double> scores(ranking.passages.size());
  for (const ScoredPassage& hit : ranking.passages) scores[static_cast<size_t>(hit.index)] = hit.score;
  return scores;
}

struct Form {
  const char* name;
  KeptType type;
  const char* budget;
  double most;  // that a score may be off by
};

class KeptFormsOfRequests : public ::testing::TestWithParam<Form> {
 protected:
  Reranker reranker(int threads, bool keeping = true) const {
    RerankerOptions options;
    options.calibration = Calibration::kNa;
    options.threads = threads;
    if (keeping) {
      options.keep.memory = kMemory;
      options.keep.type = GetParam().type;
      options.keep.budget = parse_keep_budget(GetParam().budget).value();
    }
    return Reranker::create(model_, std::move(options)).value();
  }

  const std::shared_ptr<const Model> model_ =
      Model::load(test_data() / "golden" / "models" / "tiny-llama", {}).value();
};

TEST_P(KeptFormsOfRequests, FirstSightIsAsEverAfter) {
  const std::vector<Passage> all = form_passages();
  std::vector<double> first;
  {
    Reranker fresh = reranker(2);
    const Ranking ranking = fresh.rank(kQuestionOfForms, all).value();
    EXPECT_EQ(ranking.statistics.passages_kept, 0);
    EXPECT_GT(ranking.statistics.tokens_run, ranking.statistics.passage_tokens);
    first = by_index(ranking);
    EXPECT_EQ(by_index(fresh.rank(kQuestionOfForms, all).value()), first) << "later";
    EXPECT_EQ(by_index(reranker(3).rank(kQuestionOfForms, all).value()), first) << "another one's";
  }
  // Nothing of it is left now; each passage is first seen in other company.
  Reranker again = reranker(1);
  EXPECT_EQ(again.kept().passages, 0U);
  ASSERT_TRUE(again.rank("grain", std::span(all).first(2)));
  const KeepReport report = again.keep_passages(std::span(all).last(2)).value();
  EXPECT_EQ(report.encoded, 2);
  const Ranking ranking = again.rank(kQuestionOfForms, all).value();
  EXPECT_EQ(by_index(ranking), first);
  EXPECT_EQ(ranking.statistics.passages_kept, 4);
  const std::vector<double> exact = by_index(reranker(2, false).rank(kQuestionOfForms, all).value());
  double off = 0.0;
  for (size_t i = 0; i < exact.size(); ++i) off = std::max(off, std::abs(exact[i] - first[i]));
  EXPECT_GT(off, 0.0) << "the form has no effect";
  EXPECT_LT(off, GetParam().most);
}

TEST_P(KeptFormsOfRequests, AMemoryThatHoldsNothingGivesTheSameScores) {
  const std::vector<double> first = by_index(reranker(2).rank(kQuestionOfForms, form_passages()).value());
  RerankerOptions options = reranker(2).options();
  options.keep.memory = 1;
  Reranker forgetful = Reranker::create(model_, options).value();
  EXPECT_EQ(by_index(forgetful.rank(kQuestionOfForms, form_passages()).value()), first);
  EXPECT_EQ(by_index(forgetful.rank(kQuestionOfForms, form_passages()).value()), first);
}

INSTANTIATE_TEST_SUITE_P(Forms, KeptFormsOfRequests,
                         ::testing::Values(Form{"bf16", KeptType::kBfloat16, "1", 0.02},
                                           Form{"int8", KeptType::kInt8, "1", 0.05},
                                           Form{"half", KeptType::kFloat32, "0.5", 100.0},
                                           Form{"norm", KeptType::kInt8, "0.5,tokens=norm", 100.0},
                                           Form{"received", KeptType::kFloat32, "0.5,tokens=received", 100.0},
                                           Form{"join", KeptType::kBfloat16, "1,split=join:1", 100.0},
                                           Form{"pyramid", KeptType::kInt8, "0.25,split=pyramid", 100.0}),
                         [](const auto& param) { return std::string(param.param.name); });

}  // namespace
}  // namespace headwise
