// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Real vocabularies, where the shared folder has them: round trips, threads, long words.
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/threads.h"
#include "headwise/tokenizer.h"
#include "support/paths.h"

namespace headwise {
namespace {

using Ids = std::vector<int32_t>;

class RealVocabulary : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(shared_data())) {
      GTEST_SKIP() << "shared: there is no " << shared_data() << "; set HEADWISE_SHARED";
    }
    const std::filesystem::path folder = shared_data() / "tokenizers" / GetParam();
    Result<Tokenizer> loaded = Tokenizer::load(folder);
    ASSERT_TRUE(loaded) << loaded.error().to_string();
    tokenizer.emplace(std::move(*loaded));
  }
  std::optional<Tokenizer> tokenizer;
};

constexpr const char* kTexts[] = {"",
                                  " ",
                                  "who wrote Emma?",
                                  "na\u00efve \u65e5\u672c\u8a9e 1234\r\n\r\n  x's",
                                  "\U0001f468\u200d\U0001f469\u200d\U0001f467 <|im_end|>",
                                  "\u0e01\u0e33 \u0645\u0631\u062d\u0628\u0627"};

TEST_P(RealVocabulary, DecodesToTheSameText) {
  for (const char* text : kTexts) EXPECT_EQ(tokenizer->decode(*tokenizer->encode(text)), text);
}

TEST_P(RealVocabulary, ManyThreadsAtOnce) {
  ThreadPool pool(4);
  std::atomic<int> wrong = 0;
  std::vector<Ids> expected;
  for (const char* text : kTexts) expected.push_back(*tokenizer->encode(text));
  pool.parallel_for(64, [&](int64_t task, int) {
    const auto i = static_cast<size_t>(task) % expected.size();
    if (*tokenizer->encode(kTexts[i]) != expected[i]) ++wrong;
  });
  EXPECT_EQ(wrong, 0);
}

TEST_P(RealVocabulary, AMegabyteWithoutBlanks) {
  for (const char* part : {"a", "\u6211", "!", " ", "abcdefghijklmnopqrstuvwxyz", "e\u0323"}) {
    std::string text;
    while (text.size() < (size_t{1} << 20)) text += part;
    EXPECT_TRUE(tokenizer->encode(text)) << part;
  }
}

INSTANTIATE_TEST_SUITE_P(Shared, RealVocabulary, testing::Values("qwen3", "smollm2"));

TEST(TokenizerFiles, SentencePieceFixtures) {
  const std::filesystem::path folder = test_data() / "tokenizer";
  for (const char* name : {"llama2", "mistral", "spm_bytes.gguf"}) {
    const Result<Tokenizer> tokenizer = Tokenizer::load(folder / name);
    ASSERT_TRUE(tokenizer) << tokenizer.error().to_string();
    EXPECT_EQ(tokenizer->kind(), "SentencePiece BPE");
    EXPECT_EQ(tokenizer->bos_id(), 1);
    EXPECT_EQ(tokenizer->decode(*tokenizer->encode("You may \u00e9 reproduce\n")),
              "You may \u00e9 reproduce\n");
  }
  const Result<Tokenizer> missing = Tokenizer::load(folder / "nothing");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code(), ErrorCode::kNotFound);
}

}  // namespace
}  // namespace headwise
