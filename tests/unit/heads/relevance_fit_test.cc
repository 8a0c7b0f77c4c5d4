// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// From samples to a head set with relevance: a fit that finds what the samples were drawn from, their file,
// and the member of the head set.
#include "heads/relevance_fit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <random>

namespace headwise {
namespace {

using ::testing::HasSubstr;

// Requests whose passages are relevant with the probability that `truth` says.
RelevanceSamples drawn(const RelevanceFit& truth, int requests, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal;
  RelevanceSamples samples{
      .model = "m+a", .base = "m", .heads = {{1, 2}}, .weights = {1.0}, .data = "drawn", .requests = {}};
  for (int i = 0; i < requests; ++i) {
    JudgedRequest request{
        .query = "q" + std::to_string(i), .facts = {}, .ids = {}, .scores = {}, .relevant = {}};
    const int sizes[] = {1, 5, 20, 100};
    const int size = sizes[i % 4];
    for (int p = 0; p < size; ++p) request.scores.push_back(4.0 * normal(random) / std::sqrt(size));
    for (int p = 0; p < size; ++p) request.ids.push_back("p" + std::to_string(p));
    request.facts = {.passages = size, .passage_tokens = 40 * size, .mass = 0.3, .empty_mass = 0.2};
    for (const double p : relevance_of(truth, request.facts, request.scores)) {
      request.relevant.push_back(std::generate_canonical<double, 53>(random) < p);
    }
    samples.requests.push_back(std::move(request));
  }
  return samples;
}

RelevanceFit truth() {
  RelevanceFit fit{.bias = -1.0,
                   .weights = std::vector<double>(relevance_features().size(), 0.0),
                   .data = {},
                   .error = {}};
  fit.weights[0] = 1.5;
  fit.weights[4] = -0.3;
  return fit;
}

TEST(RelevanceFit, FindsWhatTheSamplesWereDrawnFrom) {
  const std::vector<RelevanceSamples> samples{drawn(truth(), 800, 1)};
  const auto fit = fit_relevance(samples);
  ASSERT_TRUE(fit) << fit.error().to_string();
  ASSERT_TRUE(check_relevance_fit(*fit));
  EXPECT_EQ(fit->data, std::vector<std::string>{"drawn: 25200 passages in 800 requests"});
  const auto held_out = held_out_forecasts(samples);
  ASSERT_TRUE(held_out);
  EXPECT_EQ(held_out->size(), 800U);
  for (const int size : {1, 5, 20, 100}) {
    const Reliability there = reliability_at(*held_out, size, size);
    EXPECT_EQ(there.count, 200 * size);
    // 200 passages in ten bins miss by some .05 by chance alone.
    EXPECT_LT(there.error, size == 1 ? 0.12 : 0.05) << size;
    const Reliability best = reliability_at(forecasts(truth(), samples), size, size);
    EXPECT_LT(there.brier, best.brier + 0.01) << size;
  }
  EXPECT_EQ(reliability_at(*held_out, 2, 4).count, 0);
}

TEST(RelevanceFit, APassageAloneBesideItselfAmongOthers) {
  const std::vector<RequestForecast> told{
      {.question = "a/1", .candidates = 1, .passages = {{0.5, true}}, .ids = {"p"}},
      {.question = "a/1",
       .candidates = 3,
       .passages = {{0.6, true}, {0.9, false}, {0.1, false}},
       .ids = {"p", "q", "r"}},
      {.question = "a/1", .candidates = 2, .passages = {{0.8, true}, {0.1, false}}, .ids = {"p", "q"}},
      {.question = "a/2", .candidates = 2, .passages = {{0.5, true}, {0.1, false}}, .ids = {"p", "q"}},
      {.question = "a/1",
       .candidates = 4,
       .passages = {{0.5, true}, {0, false}, {0, false}, {0, false}},
       .ids = {}}};
  ASSERT_TRUE(share_as_alone(told, 1, 20, 0.15));
  EXPECT_DOUBLE_EQ(*share_as_alone(told, 1, 20, 0.15), 0.5);
  EXPECT_DOUBLE_EQ(*share_as_alone(told, 3, 3, 0.15), 1.0);
  EXPECT_FALSE(share_as_alone(told, 4, 20, 0.15));
}

TEST(RelevanceFit, NeedsBothKinds) {
  RelevanceSamples samples = drawn(truth(), 40, 2);
  for (const bool kind : {false, true}) {
    for (JudgedRequest& request : samples.requests) request.relevant.assign(request.scores.size(), kind);
    const auto fit = fit_relevance(std::span(&samples, 1));
    ASSERT_FALSE(fit);
    EXPECT_EQ(fit.error().code(), ErrorCode::kInvalidInput);
    EXPECT_THAT(fit.error().message(), HasSubstr("a fit needs both kinds"));
  }
}

class SampleFile : public ::testing::Test {
 protected:
  void TearDown() override { std::filesystem::remove(path_); }
  void write(const std::string& text) const { std::ofstream(path_) << text; }
  std::filesystem::path path_ =
      std::filesystem::temp_directory_path() / ("relevance_fit_test." + std::to_string(::getpid()));
};

TEST_F(SampleFile, IsReadAsItWasWritten) {
  const RelevanceSamples samples = drawn(truth(), 8, 3);
  std::string text = sample_header(samples);
  for (const JudgedRequest& request : samples.requests) text += sample_line(request);
  write(text);
  const auto read = read_relevance_samples(path_);
  ASSERT_TRUE(read) << read.error().to_string();
  EXPECT_EQ(sample_header(*read), sample_header(samples));
  ASSERT_EQ(read->requests.size(), samples.requests.size());
  for (size_t i = 0; i < samples.requests.size(); ++i) {
    EXPECT_EQ(sample_line(read->requests[i]), sample_line(samples.requests[i]));
    EXPECT_EQ(read->requests[i].scores, samples.requests[i].scores);
  }
}

TEST_F(SampleFile, DamagedOnesAreNamedByLine) {
  const RelevanceSamples samples = drawn(truth(), 1, 4);
  const std::string head = sample_header(samples);
  const struct {
    std::string text;
    const char* says;
  } cases[] = {
      {"", "holds no judged request"},
      {head, "holds no judged request"},
      {"{}\n", "line 1"},
      {"[1]\n", "line 1"},
      {head + "{\"query\": \"q\"\n", "line 2"},
      {head +
           R"({"query":"q","passages":1,"tokens":1,"mass":0,"empty_mass":0,"ids":["a","b"],"scores":[1],"relevant":[true]})",
       "'ids' is not one text a score"},
      {head +
           R"({"query":"q","passages":1,"tokens":1,"mass":0,"empty_mass":0,"ids":[7],"scores":[1],"relevant":[true]})",
       "'ids' holds 7"},
      {head +
           R"({"query":"q","passages":1,"tokens":1,"mass":1e999,"empty_mass":0,"scores":[1],"relevant":[true]})",
       "line 2"},
      {head +
           R"({"query":"q","passages":1,"tokens":-1,"mass":0,"empty_mass":0,"scores":[1],"relevant":[true]})",
       "'tokens' is -1"},
      {head +
           R"({"query":"q","passages":1,"tokens":1,"mass":0,"empty_mass":0,"scores":[1,2],"relevant":[true]})",
       "lists of equal length"},
      {head +
           R"({"query":"q","passages":1,"tokens":1,"mass":0,"empty_mass":0,"scores":[null],"relevant":[true]})",
       "a score is no number"},
      {head + R"({"query":"q","passages":1,"tokens":1,"mass":0,"empty_mass":0,"scores":[1],"relevant":[2]})",
       "true and false"},
  };
  for (const auto& wrong : cases) {
    write(wrong.text);
    const auto read = read_relevance_samples(path_);
    ASSERT_FALSE(read) << wrong.text;
    EXPECT_EQ(read.error().code(), ErrorCode::kInvalidInput);
    EXPECT_THAT(read.error().to_string(), HasSubstr(wrong.says));
  }
  std::filesystem::remove(path_);
  EXPECT_EQ(read_relevance_samples(path_).error().code(), ErrorCode::kNotFound);
}

TEST(RelevanceSamples, BelongToTheHeadsThatWereRead) {
  const RelevanceSamples samples = drawn(truth(), 1, 5);
  HeadSet set;
  set.heads = {{1, 2}};
  EXPECT_TRUE(check_samples(samples, set));  // names no model
  for (const char* model : {"m", "m+a"}) {
    set.model = model;
    EXPECT_TRUE(check_samples(samples, set)) << model;
  }
  set.model = "other";
  EXPECT_EQ(check_samples(samples, set).error().code(), ErrorCode::kUsage);
  set.model.clear();
  set.weights = {0.5};
  EXPECT_FALSE(check_samples(samples, set));
  set.weights.clear();
  set.heads = {{1, 3}};
  EXPECT_FALSE(check_samples(samples, set));
}

TEST(HeadSetRelevance, IsReadAsItWasWritten) {
  HeadSet set;
  set.heads = {{1, 2}};
  set.relevance = truth();
  set.relevance->data = {"drawn: 5 passages in 1 requests"};
  set.relevance->error = 0.031;
  const std::string text = format_head_set(set, HeadSetFormat::kHeadwise);
  const auto read = parse_head_set(text);
  ASSERT_TRUE(read) << read.error().to_string();
  ASSERT_TRUE(read->relevance.has_value());
  EXPECT_EQ(read->relevance->weights, set.relevance->weights);
  EXPECT_EQ(read->relevance->bias, set.relevance->bias);
  EXPECT_EQ(read->relevance->data, set.relevance->data);
  EXPECT_EQ(read->relevance->error, set.relevance->error);
  EXPECT_EQ(format_head_set(*read, HeadSetFormat::kHeadwise), text);
  EXPECT_FALSE(parse_head_set(R"({"format":"headwise head set","version":1,"heads":["1-2"]})")->relevance);
}

TEST(HeadSetRelevance, WrongOnesAreRefused) {
  const struct {
    const char* relevance;
    const char* says;
  } cases[] = {
      {"3", "expected an object"},
      {"{}", "'bias' is no number"},
      {R"({"bias": 0})", "'weights' is no object"},
      {R"({"bias": 0, "weights": {"charm": 1}})", "there is no feature 'charm'"},
      {R"({"bias": 0, "weights": {"score": "1"}})", "the weight 'score' is no number"},
      {R"({"bias": 0, "weights": {"score": -1}})", "must not be negative"},
  };
  for (const auto& wrong : cases) {
    const auto read =
        parse_head_set(R"({"format":"headwise head set","version":1,"heads":["1-2"],"relevance":)" +
                       std::string(wrong.relevance) + "}");
    ASSERT_FALSE(read) << wrong.relevance;
    EXPECT_EQ(read.error().code(), ErrorCode::kInvalidInput);
    EXPECT_THAT(read.error().to_string(), HasSubstr(wrong.says));
  }
}

}  // namespace
}  // namespace headwise
