// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What a request is thought to take before it is tokenised: what is cut counts as cut, what is read in
// windows as so many.
#include "serve/token_estimate.h"

#include <gtest/gtest.h>

#include <string>

namespace headwise::serve {
namespace {

constexpr int64_t kContext = 8192;

std::string repeated(const std::string& text, int times) {
  std::string whole;
  for (int i = 0; i < times; ++i) whole += text;
  return whole;
}

// Of a passage, without the query.
int64_t estimate(const std::string& text, const RequestSettings& settings = {},
                 LongPassages usual = LongPassages::kChunk, const std::string& title = {}) {
  EngineSettings server;
  server.usual_long_passages = usual;
  RerankRequest request;
  request.settings = settings;
  request.queries.push_back({.id = "1", .text = "q", .passages = {}});
  const int64_t without = estimated_tokens(request, server, kContext);
  request.queries.front().passages.push_back(
      {.id = {}, .title = title, .text = text, .first_stage_score = {}});
  return estimated_tokens(request, server, kContext) - without;
}

const std::string kWord = "words ";  // 1.5 tokens each

TEST(TokenEstimate, AShortPassageIsItsBytes) {
  EXPECT_NEAR(static_cast<double>(estimate(repeated(kWord, 100))), 154, 2);
  EXPECT_NEAR(static_cast<double>(estimate(repeated(kWord, 100), {}, LongPassages::kCut)), 154, 2);
  EXPECT_NEAR(static_cast<double>(estimate(repeated("漢", 100))), 154, 2) << "three bytes, of two a token";
}

TEST(TokenEstimate, WhatIsCutCountsOnce) {
  const int64_t cut = estimate(repeated(kWord, 300));
  for (const int words : {301, 3000, 30000}) {
    EXPECT_NEAR(static_cast<double>(estimate(repeated(kWord, words), {{"long", "cut"}})),
                static_cast<double>(cut), 2);
    EXPECT_NEAR(static_cast<double>(estimate(repeated(kWord, words), {}, LongPassages::kCut)),
                static_cast<double>(cut), 2);
  }
}

TEST(TokenEstimate, ALongPassageIsItsWindows) {
  const auto window = static_cast<double>(estimate(repeated(kWord, 300)) - 4);
  // 1 + ceil((words / 300 - 1) / (7 / 8)) windows.
  EXPECT_NEAR(static_cast<double>(estimate(repeated(kWord, 600))), 3 * window, 10);
  EXPECT_NEAR(static_cast<double>(estimate(repeated(kWord, 3000))), 12 * window, 10);
  EXPECT_NEAR(static_cast<double>(estimate(repeated(kWord, 300'000))), 32 * window, 10) << "--max-windows";
  EXPECT_NEAR(static_cast<double>(estimate(repeated(kWord, 300'000), {{"max-windows", "5"}})), 5 * window,
              10);
  EXPECT_NEAR(static_cast<double>(estimate(repeated(kWord, 3000), {{"long", "chunk"}}, LongPassages::kCut)),
              12 * window, 10);
}

TEST(TokenEstimate, TokensBoundAWindowAsWordsDo) {
  // Without spaces it is one word; 1,024 tokens a window.
  EXPECT_NEAR(static_cast<double>(estimate(repeated("漢", 100'000))), 32 * 1024, 40);
  EXPECT_NEAR(static_cast<double>(estimate(repeated("漢", 100'000), {{"long", "cut"}})), 1024, 10);
  EXPECT_NEAR(static_cast<double>(estimate(repeated(kWord, 3000), {{"max-tokens", "64"}, {"long", "cut"}})),
              64, 6);
  // 0: as many as leave an eighth of the context to the query.
  EXPECT_NEAR(static_cast<double>(estimate(repeated("漢", 100'000), {{"max-tokens", "0"}, {"long", "cut"}})),
              kContext * 7.0 / 8.0, 10);
  EXPECT_NEAR(static_cast<double>(estimate(repeated(kWord, 1000), {{"max-words", "0"}, {"max-tokens", "0"}})),
              1504, 10);
}

TEST(TokenEstimate, ATitleStandsBeforeEachWindow) {
  const std::string title = repeated(kWord, 50);
  const int64_t with = estimate(repeated(kWord, 3000), {}, LongPassages::kChunk, title);
  EXPECT_GT(with, estimate(repeated(kWord, 3000)) + 12 * 70);
  // One that would take all the room has half of it.
  EXPECT_LT(estimate("short", {}, LongPassages::kChunk, repeated("漢", 100'000)), 520);
}

TEST(TokenEstimate, SettingsThatAreNoneAreTheEnginesToRefuse) {
  EXPECT_GT(estimate("a passage", {{"max-words", "many"}, {"long", "sideways"}}), 0);
  EXPECT_EQ(estimate(""), 4);
}

}  // namespace
}  // namespace headwise::serve
