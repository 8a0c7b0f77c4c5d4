// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The engine against Hugging Face transformers on Gemma 3 270M: windows of 512 tokens in a prompt of thrice
// that. scripts/setup golden fetches its file.
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "golden/agreement.h"
#include "headwise/home.h"
#include "headwise/model.h"

namespace headwise::golden {
namespace {

namespace fs = std::filesystem;

class Gemma3Golden : public ::testing::Test {
 protected:
  void SetUp() override {
    model_ = headwise_home() / "models" / "gemma-3-270m-q4_k_m.gguf";
    ASSERT_EQ(fixtures_.size(), 2u);
    if (!fs::exists(model_)) GTEST_SKIP() << "no Gemma 3 270M at " << model_ << "; run scripts/setup golden";
  }
  fs::path model_;
  std::vector<Fixture> fixtures_ = fixtures_of("gemma3-270m-q4_k_m");
};

TEST_F(Gemma3Golden, AgreesWithTransformers) {
  for (const Fixture& fixture : fixtures_) expect_agreement(fixture, open_weights(model_));
}

// The fixture's ids come from transformers' reading of the same file.
TEST_F(Gemma3Golden, PassagesHaveTheIdsThatTransformersGivesThem) {
  const auto model = Model::load(model_, {});
  ASSERT_TRUE(model) << model.error().to_string();
  for (const Fixture& fixture : fixtures_) {
    const auto ids = fixture.json["query"]["ids"].get<std::vector<int32_t>>();
    const auto& spans = fixture.json["query"]["spans"];
    const auto& passages = fixture.json["request"]["passages"];
    ASSERT_EQ(spans.size(), passages.size());
    for (size_t i = 0; i < spans.size(); ++i) {
      const std::string title = passages[i].value("title", "");
      const std::string text = passages[i]["text"].get<std::string>();
      const std::string number = fixture.stem == "list" ? "[" + std::to_string(i + 1) + "] " : "";
      const std::string whole = number + (title.empty() ? text : title + "\n" + text);
      const std::vector<int32_t> expected(ids.begin() + spans[i][0].get<int64_t>(),
                                          ids.begin() + spans[i][1].get<int64_t>());
      const auto found = (*model)->tokenizer().encode(whole);
      ASSERT_TRUE(found) << found.error().to_string();
      EXPECT_EQ(*found, expected) << fixture.stem << " passage " << i;
    }
  }
}

}  // namespace
}  // namespace headwise::golden
