// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The engine against Hugging Face transformers on tiny seeded models of every family.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <string>
#include <type_traits>
#include <vector>

#include "golden/agreement.h"

namespace headwise::golden {
namespace {

namespace fs = std::filesystem;

// By name, so that a fixture that is missing is noticed.
constexpr const char* kTinyFixtures[] = {
    "tiny-llama",  "tiny-llama-linear", "tiny-llama-llama3",    "tiny-llama-yarn",     "tiny-mistral",
    "tiny-qwen2",  "tiny-qwen3",        "tiny-llama-q8_0.gguf", "tiny-mistral-window", "tiny-gemma2",
    "tiny-gemma3", "tiny-olmo2",        "tiny-smollm3",         "tiny-granite",        "tiny-phi3",
    "tiny-phi4",   "tiny-qwen3moe",     "tiny-qwen3moe-shares"};

// The model files that hold the very numbers of the fixture.
std::vector<fs::path> models_of(const Fixture& fixture) {
  const fs::path folder = golden_folder() / "models";
  std::vector<fs::path> paths{folder / fixture.json["model"].get<std::string>()};
  if (fixture.json.contains("same_values")) {
    for (const auto& twin : fixture.json["same_values"]) paths.push_back(folder / twin.get<std::string>());
  }
  return paths;
}

class ModelGolden : public ::testing::TestWithParam<const char*> {};

TEST_P(ModelGolden, AgreesWithTransformers) {
  const std::vector<Fixture> fixtures = fixtures_of(GetParam());
  ASSERT_FALSE(fixtures.empty());
  for (const Fixture& fixture : fixtures) {
    for (const fs::path& path : models_of(fixture)) {
      SCOPED_TRACE(path.filename().string());
      expect_agreement(fixture, open_weights(path));
    }
  }
}

// What the whole project leans on: the same bits however the work is cut.
TEST_P(ModelGolden, TheWayOfWorkingDoesNotChangeABit) {
  for (const Fixture& fixture : fixtures_of(GetParam())) {
    expect_same_bits(fixture, models_of(fixture).front());
  }
}

TEST_P(ModelGolden, FewRowsAgreeWithMany) {
  if (std::string(GetParam()) == "tiny-phi3") return;  // positions of short prompts turn otherwise
  const std::vector<Fixture> fixtures = fixtures_of(GetParam());
  ASSERT_FALSE(fixtures.empty());
  expect_few_rows_agree(models_of(fixtures.front()).front());
}

// What a family adds to the plain pass decides its scores: without it they are far from transformers'.
struct Addition {
  const char* name;
  const char* fixture;
  void (*remove)(ModelSpec& spec);
};

template <auto Member, auto Value>
void set_in_layers(ModelSpec& spec) {
  for (LayerSpec& layer : spec.layers) {
    using Type = std::remove_reference_t<decltype(layer.*Member)>;
    layer.*Member = static_cast<Type>(Value);
  }
}
// As a router that is always sure of itself.
void use_fewer_experts(ModelSpec& spec) {
  for (LayerSpec& layer : spec.layers) layer.experts_used = 1;
}
void quarter_queries(ModelSpec& spec) {
  for (LayerSpec& layer : spec.layers) layer.query_scale = 0.25;
}

constexpr Addition kAdditions[] = {
    {"Mistral_window", "tiny-mistral-window", set_in_layers<&LayerSpec::window, 0>},
    {"Gemma3_window", "tiny-gemma3", set_in_layers<&LayerSpec::window, 0>},
    {"Gemma3_rotary_base", "tiny-gemma3", set_in_layers<&LayerSpec::rotary, 0>},
    {"Gemma3_gelu", "tiny-gemma3", set_in_layers<&LayerSpec::activation, Activation::kSilu>},
    {"Gemma3_embedding_scale", "tiny-gemma3", [](ModelSpec& spec) { spec.embedding_multiplier = 1.0; }},
    {"Gemma2_soft_cap", "tiny-gemma2", set_in_layers<&LayerSpec::soft_cap, 0>},
    {"Gemma2_window", "tiny-gemma2", set_in_layers<&LayerSpec::window, 0>},
    {"SmolLM3_no_rotary", "tiny-smollm3", set_in_layers<&LayerSpec::rotary, 0>},
    {"Granite_residual", "tiny-granite", set_in_layers<&LayerSpec::residual_multiplier, 1>},
    {"Granite_query_scale", "tiny-granite", quarter_queries},
    {"Phi3_longrope", "tiny-phi3", [](ModelSpec& spec) { spec.rotary[0].scaling.original_context = 400; }},
    {"Phi4_attention_factor", "tiny-phi4",
     [](ModelSpec& spec) { spec.rotary[0].scaling.attention_factor = 1.0; }},
    {"Qwen3Moe_experts_used", "tiny-qwen3moe", use_fewer_experts},
    {"Qwen3Moe_shares_of_used", "tiny-qwen3moe", set_in_layers<&LayerSpec::shares_of_used, false>},
    {"Qwen3Moe_shares_of_all", "tiny-qwen3moe-shares", set_in_layers<&LayerSpec::shares_of_used, true>},
};

class WhatFamiliesAdd : public ::testing::TestWithParam<Addition> {};

TEST_P(WhatFamiliesAdd, DecidesScores) {
  const Addition& addition = GetParam();
  for (const Fixture& fixture : fixtures_of(addition.fixture)) {
    const fs::path model = models_of(fixture).front();
    EXPECT_LT(largest_difference(fixture, open_weights(model)), 1e-4) << fixture.stem;
    EXPECT_GT(largest_difference(fixture, open_changed(model, addition.remove)), 1e-2) << fixture.stem;
  }
}

INSTANTIATE_TEST_SUITE_P(Additions, WhatFamiliesAdd, ::testing::ValuesIn(kAdditions),
                         [](const auto& added) { return std::string(added.param.name); });

TEST_P(ModelGolden, PrecisionsStayNearAndKeepTheirBits) {
  for (const Fixture& fixture : fixtures_of(GetParam())) {
    expect_precisions(fixture, models_of(fixture).front());
  }
}

INSTANTIATE_TEST_SUITE_P(Models, ModelGolden, ::testing::ValuesIn(kTinyFixtures), [](const auto& name) {
  std::string text = name.param;
  std::replace_if(
      text.begin(), text.end(), [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; }, '_');
  return text;
});

}  // namespace
}  // namespace headwise::golden
