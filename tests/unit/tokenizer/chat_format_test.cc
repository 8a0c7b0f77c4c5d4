// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "tokenizer/chat_format.h"

#include <gtest/gtest.h>

#include "mini.h"

namespace headwise {
namespace {

Tokenizer with_tokens(const std::vector<std::string>& tokens) {
  nlohmann::json file = mini_tokenizer();
  file["added_tokens"] = nlohmann::json::array();
  int id = 259;
  for (const std::string& token : tokens) file["added_tokens"].push_back(added_token(id++, token));
  return *Tokenizer::from_json(file.dump());
}

TEST(ChatFormat, FoundFromTheVocabulary) {
  const auto found = [](const std::vector<std::string>& tokens) {
    return find_chat_format(with_tokens(tokens), "")->name;
  };
  EXPECT_EQ(found({"<|im_start|>", "<|im_end|>"}), "chatml");
  EXPECT_EQ(found({"<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"}), "llama3");
  EXPECT_EQ(found({"<start_of_turn>", "<end_of_turn>"}), "gemma");
  EXPECT_EQ(found({"[INST]", "[/INST]"}), "mistral");
  EXPECT_EQ(found({"<|im_start|>"}), "none");  // half a format is none
  EXPECT_EQ(found({}), "none");
}

TEST(ChatFormat, ChatMlPieces) {
  const ChatFormat format = *find_chat_format(with_tokens({"<|im_start|>", "<|im_end|>"}), "chatml");
  EXPECT_EQ(format.opening, (std::vector<ChatPiece>{{true, "<|im_start|>"}, {false, "user\n"}}));
  EXPECT_EQ(format.closing,
            (std::vector<ChatPiece>{
                {true, "<|im_end|>"}, {false, "\n"}, {true, "<|im_start|>"}, {false, "assistant\n"}}));
  EXPECT_FALSE(format.bos);
}

TEST(ChatFormat, MistakesSayWhatThereIs) {
  const Tokenizer tokenizer = with_tokens({"<|im_start|>", "<|im_end|>"});
  const Result<ChatFormat> unknown = find_chat_format(tokenizer, "chatlm");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code(), ErrorCode::kUsage);
  EXPECT_NE(unknown.error().message().find("chatml, llama3"), std::string::npos);
  const Result<ChatFormat> lacking = find_chat_format(tokenizer, "llama3");
  ASSERT_FALSE(lacking);
  EXPECT_NE(lacking.error().message().find("<|eot_id|>"), std::string::npos);
  EXPECT_TRUE(find_chat_format(tokenizer, "none"));
  EXPECT_TRUE(find_chat_format(tokenizer, "mistral-text"));
}

}  // namespace
}  // namespace headwise
