// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Settings in words to an engine: what a word may be, which of two wins, and what is said of a wrong one.
#include "headwise/engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "engine/settings.h"
#include "headwise/head_set.h"
#include "support/paths.h"

namespace headwise {
namespace {

using ::testing::HasSubstr;

const std::string kData = test_data().string();
const std::string kTiny = kData + "/golden/models/tiny-llama-linear";
const std::string kLora = kData + "/adapters/lora";

EngineSettings tiny(const std::string& heads = "all") {
  EngineSettings settings;
  settings.model = kTiny;
  settings.heads = heads;
  settings.options.threads = 1;
  return settings;
}

std::vector<Passage> passages() {
  std::vector<Passage> made(3);
  made[0].text = "one two three";
  made[1].text = "some other words";
  made[2].text = "a cat and a dog";
  return made;
}

TEST(EngineSettings, EmptyWordsAreTheDefaults) {
  const auto options = reranker_options({});
  ASSERT_TRUE(options) << options.error().to_string();
  const RerankerOptions plain;
  EXPECT_EQ(options->encoding, plain.encoding);
  EXPECT_EQ(options->calibration, plain.calibration);
  EXPECT_EQ(options->rows, plain.rows);
  EXPECT_EQ(options->fusion, Fusion::kNone);
}

TEST(EngineSettings, WrongWordsAreNamedWithWhatIsKnown) {
  struct Case {
    std::string EngineSettings::*member;
    const char* given;
    const char* says;
  };
  for (const Case& wrong :
       {Case{&EngineSettings::encoding, "lists", "--encoding: expected one of blocks, list; found 'lists'"},
        Case{&EngineSettings::calibration, "NA",
             "--calibration: expected one of ratio, na, none; found 'NA'"},
        Case{&EngineSettings::weights, "int3", "--weights: expected one of stored, fp32; found 'int3'"},
        Case{&EngineSettings::fuse, "-1", "--fuse: expected a weight"},
        Case{&EngineSettings::fuse, "0.5x", "--fuse: expected a weight"},
        Case{&EngineSettings::fuse, "nan", "--fuse: expected a weight"}}) {
    EngineSettings settings = tiny();
    settings.*wrong.member = wrong.given;
    settings.model = "/no/such/model";  // a wrong word costs no model load, so nobody learns of this
    const auto engine = load_engine(settings);
    ASSERT_FALSE(engine) << wrong.given;
    EXPECT_EQ(engine.error().code(), ErrorCode::kUsage);
    EXPECT_THAT(engine.error().message(), HasSubstr(wrong.says));
  }
}

TEST(EngineSettings, AHeadSetSaysHowItIsReadWhereNobodyElseDoes) {
  HeadSet set;
  set.encoding = "list";
  set.calibration = "na";
  EngineSettings settings;
  settings.calibration = "none";
  EXPECT_TRUE(asked_otherwise(set, settings));
  ASSERT_TRUE(put_in_way_of_reading(set, "the set", settings));
  EXPECT_EQ(settings.encoding, "list");
  EXPECT_EQ(settings.calibration, "none");  // asked for

  set.rows = "some";
  const auto wrong = put_in_way_of_reading(set, "the set", settings);
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code(), ErrorCode::kInvalidInput);
  EXPECT_THAT(wrong.error().message(), HasSubstr("the set says 'some', which --rows does not know"));
}

TEST(EngineSettings, AWordThatTheSetHasTooAsksForNothingElse) {
  HeadSet set;
  set.encoding = "list";
  EngineSettings settings;
  EXPECT_FALSE(asked_otherwise(set, settings));
  settings.encoding = "list";
  EXPECT_FALSE(asked_otherwise(set, settings));
  settings.encoding = "blocks";
  EXPECT_TRUE(asked_otherwise(set, settings));
}

TEST(EngineSettings, ThoseThatTookEffectHaveNoEmptyWord) {
  const auto engine = load_engine(tiny("0-1,1-0"));
  ASSERT_TRUE(engine) << engine.error().to_string();
  const EngineSettings& settings = engine->settings;
  for (const std::string* word :
       {&settings.adapter, &settings.weights, &settings.heads, &settings.encoding, &settings.calibration,
        &settings.token_filter, &settings.rows, &settings.order, &settings.fuse}) {
    EXPECT_FALSE(word->empty());
  }
  EXPECT_EQ(engine->reranker.heads().size(), 2U);
  EXPECT_EQ(engine->describe_heads(engine->reranker.heads()), "2 heads: 0-1, 1-0");
  EXPECT_FALSE(engine->shipped_heads);
}

TEST(EngineSettings, WhatDecidesLeavesOutWhatCannotChangeAScore) {
  EngineSettings slow = tiny(), fast = tiny();
  fast.weights = "fp32";
  fast.options.threads = 2;
  fast.options.full_depth = true;
  EXPECT_EQ(options_that_decide(slow), options_that_decide(fast));
  fast.options.max_words = slow.options.max_words + 1;
  EXPECT_NE(options_that_decide(slow), options_that_decide(fast));
}

TEST(LoadEngine, AModelWithoutAShippedAdapterSaysSo) {
  EngineSettings settings = tiny("default");
  settings.adapter = kDefaultAdapter;
  const auto engine = load_engine(settings);
  ASSERT_FALSE(engine);
  EXPECT_EQ(engine.error().code(), ErrorCode::kUsage);
  EXPECT_THAT(engine.error().message(), HasSubstr("no adapter ships"));
}

TEST(LoadEngine, AModelWithoutAShippedSetIsReadWithAllHeads) {
  EngineSettings settings = tiny("default");
  const auto engine = load_engine(settings);
  ASSERT_TRUE(engine) << engine.error().to_string();
  EXPECT_FALSE(engine->shipped_heads);
  const ModelConfig& config = engine->model->config();
  EXPECT_EQ(engine->reranker.heads().size(), static_cast<size_t>(config.layers * config.heads));
}

TEST(LoadEngine, AnAdapterChangesScoresAndTheModelsFingerprint) {
  auto plain = load_engine(tiny());
  EngineSettings settings = tiny();
  settings.adapter = kLora;
  auto adapted = load_engine(settings);
  ASSERT_TRUE(plain && adapted);
  const auto texts = passages();
  const auto before = plain->rank("what is it?", texts, nullptr);
  const auto after = adapted->rank("what is it?", texts, nullptr);
  ASSERT_TRUE(before && after);
  EXPECT_NE(before->passages.front().score, after->passages.front().score);
  EXPECT_NE(plain->model->fingerprint(), adapted->model->fingerprint());  // a run's journal tells them apart
}

TEST(LoadEngine, RouterAndHeadsContradictEachOther) {
  EngineSettings settings = tiny("0-1");
  settings.router = "router.safetensors";
  const auto engine = load_engine(settings);
  ASSERT_FALSE(engine);
  EXPECT_EQ(engine.error().code(), ErrorCode::kUsage);
  EXPECT_THAT(engine.error().message(), HasSubstr("--router chooses the heads"));
}

TEST(LoadEngine, HeadsThatTheModelHasNotAreRefused) {
  const auto engine = load_engine(tiny("99-0"));
  ASSERT_FALSE(engine);
  EXPECT_EQ(engine.error().code(), ErrorCode::kUsage);
  const auto file = load_engine(tiny("nowhere.json"));
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code(), ErrorCode::kNotFound);
  EXPECT_THAT(file.error().message(), HasSubstr("there is no file 'nowhere.json'"));
}

TEST(ResolveModel, ANameThatIsNowhereSaysWhatThereIs) {
  const auto path = resolve_model("no-such-model");
  ASSERT_FALSE(path);
  EXPECT_EQ(path.error().code(), ErrorCode::kNotFound);
  EXPECT_THAT(path.error().message(), HasSubstr("no-such-model"));
  ASSERT_TRUE(resolve_model(kTiny));
  EXPECT_EQ(*resolve_model(kTiny), std::filesystem::path(kTiny));
}

TEST(RankByPlace, GivesRanksOnlyWhereRrfNeedsThemAndNobodyHasAny) {
  EngineSettings settings;
  std::vector<Passage> plain = passages();
  rank_by_place(settings, plain);
  EXPECT_FALSE(plain[0].first_stage_score);
  settings.fuse = "rrf";
  rank_by_place(settings, plain);
  EXPECT_GT(*plain[0].first_stage_score, *plain[1].first_stage_score);
  std::vector<Passage> scored = passages();
  scored[2].first_stage_score = 3.0;
  rank_by_place(settings, scored);
  EXPECT_FALSE(scored[0].first_stage_score);
}

}  // namespace
}  // namespace headwise
