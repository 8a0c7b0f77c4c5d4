// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The engine against Hugging Face transformers on the real default model: 1,711 tokens as a list, 1,641 as
// blocks.
#include <gtest/gtest.h>

#include <filesystem>

#include "golden/agreement.h"
#include "headwise/home.h"

namespace headwise::golden {
namespace {

namespace fs = std::filesystem;

class SmolLM2Golden : public ::testing::Test {
 protected:
  void SetUp() override {
    model_ = headwise_home() / "models" / "SmolLM2-135M-Instruct.Q4_1.gguf";
    ASSERT_EQ(fixtures_.size(), 2u);
    if (!fs::exists(model_)) GTEST_SKIP() << "no default model at " << model_ << "; run scripts/setup";
  }
  fs::path model_;
  std::vector<Fixture> fixtures_ = fixtures_of("smollm2-135m-q4_1");
};

TEST_F(SmolLM2Golden, AgreesWithTransformers) {
  for (const Fixture& fixture : fixtures_) expect_agreement(fixture, open_weights(model_));
}

TEST_F(SmolLM2Golden, TheWayOfWorkingDoesNotChangeABit) {
  for (const Fixture& fixture : fixtures_) expect_same_bits(fixture, model_);
}

TEST_F(SmolLM2Golden, FewRowsAgreeWithMany) { expect_few_rows_agree(model_); }

}  // namespace
}  // namespace headwise::golden
