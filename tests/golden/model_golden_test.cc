// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The engine against Hugging Face transformers on tiny seeded models of every family.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <string>
#include <vector>

#include "golden/agreement.h"

namespace headwise::golden {
namespace {

namespace fs = std::filesystem;

// By name, so that a fixture that is missing is noticed.
constexpr const char* kTinyFixtures[] = {"tiny-llama",      "tiny-llama-linear",   "tiny-llama-llama3",
                                         "tiny-llama-yarn", "tiny-mistral",        "tiny-qwen2",
                                         "tiny-qwen3",      "tiny-llama-q8_0.gguf"};

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
  const std::vector<Fixture> fixtures = fixtures_of(GetParam());
  ASSERT_FALSE(fixtures.empty());
  expect_few_rows_agree(models_of(fixtures.front()).front());
}

INSTANTIATE_TEST_SUITE_P(Models, ModelGolden, ::testing::ValuesIn(kTinyFixtures), [](const auto& name) {
  std::string text = name.param;
  std::replace_if(
      text.begin(), text.end(), [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; }, '_');
  return text;
});

}  // namespace
}  // namespace headwise::golden
