// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The whole of routing on two made-up problems: one where it must win, one where it must be seen to bring
// nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "made_up_stores.h"
#include "report/routing_page.h"
#include "route/routing_evaluation.h"

namespace headwise {
namespace {

using ::testing::HasSubstr;

// Eight topics with eight heads each, which mislead on every other topic.
double planted(int head, int topic) { return head / 8 == topic ? 2.0 : -0.7; }
// All heads see the same.
double alike(int, int) { return 0.35; }

RoutingEvaluation evaluate(const made_up::Signal& signal, const Router& router, ThreadPool& threads) {
  made_up::Shape shape;
  shape.queries = 96;
  const auto unseen = made_up::make(shape, signal, 1001);
  return evaluate_routing(unseen.stores, router, unseen.embeddings, {}, threads).value();
}

made_up::Trained train_on(const made_up::Signal& signal, ThreadPool& threads, int queries = 240) {
  made_up::Shape shape;
  shape.queries = queries;
  return made_up::train(made_up::make(shape, signal, 1), {}, threads);
}

TEST(Routing, FindsThePlantedHeads) {
  ThreadPool threads(2);
  const auto trained = train_on(planted, threads);
  const RoutingEvaluation evaluation = evaluate(planted, trained.router, threads);
  EXPECT_GE(evaluation.mean(0, evaluation.data.size(), false), 0.85);
  for (const char* fixed : {"static", "all", "layers", "qr 16", "core 8", "headrank 8", "bias-only router"}) {
    const auto method = evaluation.method_named(fixed);
    ASSERT_TRUE(method) << fixed;
    EXPECT_LT(evaluation.mean(*method, evaluation.data.size(), false), 0.5) << fixed;
  }
  const Verdict verdict = routing_verdict(evaluation);
  EXPECT_TRUE(verdict.helps) << verdict.text;
  EXPECT_GE(evaluation.overlap.distinct, 8u);
  const std::string page = routing_report_html(evaluation, trained.router, std::nullopt);
  EXPECT_THAT(page, HasSubstr("<h1>Routing helps</h1>"));
  EXPECT_EQ(page.find("http"), std::string::npos);
}

TEST(Routing, SaysSoWhenItDoesNotHelp) {
  ThreadPool threads(2);
  const auto trained = train_on(alike, threads);
  const RoutingEvaluation evaluation = evaluate(alike, trained.router, threads);
  const size_t all = evaluation.data.size();
  const Verdict verdict = routing_verdict(evaluation);
  EXPECT_FALSE(verdict.helps) << verdict.text;
  EXPECT_THAT(verdict.text, HasSubstr("Routing does not help"));
  // The oracle looks splendid all the same, and is not compared with.
  const auto oracle = evaluation.method_named("oracle");
  const auto fixed = evaluation.method_named("static");
  ASSERT_TRUE(oracle && fixed);
  EXPECT_GT(evaluation.mean(*oracle, all, false), evaluation.mean(*fixed, all, false) + 0.1);
  EXPECT_EQ(evaluation.find(*oracle, all, false), nullptr);
}

TEST(Routing, TrainingIsReproducible) {
  ThreadPool one(1), three(3);
  const std::string first = format_router(train_on(planted, one, 80).router);
  EXPECT_TRUE(first == format_router(train_on(planted, three, 80).router)) << "to the last byte";
  made_up::Shape shape;
  shape.queries = 80;
  TrainingOptions other;
  other.seed = 2;
  EXPECT_FALSE(first == format_router(made_up::train(made_up::make(shape, planted, 1), other, one).router));
}

TEST(Routing, AFileComesBackToTheLastBit) {
  ThreadPool threads(1);
  const Router router = train_on(planted, threads, 80).router;
  const auto path = std::filesystem::path(::testing::TempDir()) / "headwise_router.safetensors";
  const std::string bytes = format_router(router);
  std::ofstream(path, std::ios::binary) << bytes;
  const auto read = read_router(path);
  ASSERT_TRUE(read) << read.error().to_string();
  EXPECT_TRUE(format_router(*read) == bytes);
  made_up::Shape shape;
  shape.queries = 16;
  for (const auto& embedding : made_up::make(shape, planted, 5).embeddings) {
    EXPECT_EQ(read->probabilities(embedding), router.probabilities(embedding));
  }
  const auto damaged = [&](std::string text) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
    const auto wrong = read_router(path);
    EXPECT_FALSE(wrong);
    return wrong ? std::string() : wrong.error().to_string();
  };
  EXPECT_THAT(damaged(bytes.substr(0, bytes.size() - 8)), HasSubstr("headwise_router"));
  std::string version = bytes;
  version.replace(version.find("\\\"version\\\":1"), 13, "\\\"version\\\":9");
  EXPECT_THAT(damaged(version), HasSubstr("expected version 1"));
  std::string none = bytes;
  const size_t fewest = none.find("\\\"fewest\\\":") + 11;
  none.replace(fewest, 1, "0");
  EXPECT_THAT(damaged(none), HasSubstr("'fewest' must be at least 1"));
  std::string nan = bytes;
  nan.replace(nan.size() - 4, 4, std::string("\x00\x00\xC0\x7F", 4));
  EXPECT_THAT(damaged(nan), HasSubstr("not a finite number"));
  std::filesystem::remove(path);
  EXPECT_EQ(read_router(path).error().code(), ErrorCode::kNotFound);
}

TEST(Routing, TooFewSureHeadsGiveTheFallback) {
  Router router;
  router.pool = {{0, 0}, {0, 1}, {0, 2}, {0, 3}, {1, 0}};
  router.fallback = {{1, 0}};
  router.most = 3;
  router.fewest = 2;
  router.threshold = 0.5;
  using Heads = std::vector<HeadId>;
  EXPECT_EQ(router.choose(std::vector<double>{0.6, 0.9, 0.7, 0.8, 0.1}), (Heads{{0, 1}, {0, 3}, {0, 2}}));
  EXPECT_EQ(router.choose(std::vector<double>{0.6, 0.1, 0.6, 0.5, 0.1}), (Heads{{0, 0}, {0, 2}}))
      << "above, not at";
  EXPECT_EQ(router.choose(std::vector<double>{0.6, 0.1, 0.1, 0.5, 0.1}), (Heads{{1, 0}}));
}

TEST(Routing, StoresOfAnotherKindAreRefused) {
  ThreadPool threads(1);
  const Router router = train_on(planted, threads, 40).router;
  made_up::Shape shape;
  shape.queries = 8;
  auto other = made_up::make(shape, planted, 2);
  other.stores.manifest.prompt_template = "mine";
  const auto refused = evaluate_routing(other.stores, router, other.embeddings, {}, threads);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message(),
              HasSubstr("the router's template is \"blocks\", the store's \"mine\""));
}

}  // namespace
}  // namespace headwise
