// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Settings to an engine: models, heads, adapters and routers by name, and what took effect. Which of two wins
// is in resolve_test.cc.
#include "headwise/engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "engine/options.h"
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
  settings.threads = 1;
  return settings;
}

std::vector<Passage> passages() {
  std::vector<Passage> made(3);
  made[0].text = "one two three";
  made[1].text = "some other words";
  made[2].text = "a cat and a dog";
  return made;
}

TEST(EngineSettings, AFileThatSaysSomethingWrongCostsNoModelLoad) {
  EngineSettings settings = tiny("nowhere.json");
  settings.model = "/no/such/model";  // nobody learns of this
  const auto engine = load_engine(settings);
  ASSERT_FALSE(engine);
  EXPECT_THAT(engine.error().message(), HasSubstr("there is no file 'nowhere.json'"));
  settings.heads = "some";
  EXPECT_EQ(load_engine(settings).error().code(), ErrorCode::kUsage);
  settings.heads = (std::filesystem::temp_directory_path() / "engine_test_heads.json").string();
  std::ofstream(settings.heads)
      << R"({"format": "headwise head set", "version": 1, "heads": ["0-1"], "rows": "some"})";
  const auto wrong = load_engine(settings);
  std::filesystem::remove(settings.heads);
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code(), ErrorCode::kInvalidInput);
  EXPECT_EQ(wrong.error().message(),
            "the head set '" + settings.heads + "' says 'some', which --rows does not know");
}

TEST(EngineSettings, ThoseThatTookEffectLeaveNothingOpen) {
  const auto engine = load_engine(tiny("0-1,1-0"));
  ASSERT_TRUE(engine) << engine.error().to_string();
  for (const Option& option : options()) {
    const bool text = option.value.kind == OptionKind::kPath || option.value.kind == OptionKind::kText;
    const bool may_be_none = text || std::string_view(option.name) == "min-score";
    if (!may_be_none) {
      EXPECT_NE(option_text(engine->settings, option.name), "") << option.name;
    }
  }
  EXPECT_EQ(engine->settings.heads, "0-1,1-0");
  EXPECT_EQ(engine->settings.adapter, kNoAdapter);
  EXPECT_EQ(engine->reranker.heads().size(), 2U);
  EXPECT_EQ(engine->describe_heads(engine->reranker.heads()), "2 heads: 0-1, 1-0");
  EXPECT_FALSE(engine->shipped_heads);
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
  settings.fuse = FusionChoice{.fusion = Fusion::kReciprocalRank};
  rank_by_place(settings, plain);
  EXPECT_GT(*plain[0].first_stage_score, *plain[1].first_stage_score);
  std::vector<Passage> scored = passages();
  scored[2].first_stage_score = 3.0;
  rank_by_place(settings, scored);
  EXPECT_FALSE(scored[0].first_stage_score);
}

}  // namespace
}  // namespace headwise
