// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// tokenizer.json: what is read, and what a malformed or hostile one gets for an answer.
#include <gtest/gtest.h>

#include <functional>
#include <random>
#include <string>

#include "base/file.h"
#include "headwise/tokenizer.h"
#include "mini.h"
#include "support/paths.h"

namespace headwise {
namespace {

using nlohmann::json;
using Ids = std::vector<int32_t>;

TEST(TokenizerJson, TextAndSpecialTokens) {
  const Tokenizer tokenizer = *Tokenizer::from_json(mini_tokenizer().dump());
  EXPECT_EQ(*tokenizer.encode("the the"), (Ids{257, 258}));
  EXPECT_EQ(*tokenizer.encode_with_specials("<|im_start|>the<|im_end|>"), (Ids{259, 257, 260}));
  EXPECT_EQ(tokenizer.encode("<|im_end|>")->size(), 10u);  // text, byte by byte
  EXPECT_EQ(*tokenizer.encode("<think>"), (Ids{261}));     // added, not special: always itself
  EXPECT_EQ(tokenizer.special_id("<|im_end|>"), 260);
  EXPECT_EQ(tokenizer.special_id("the"), std::nullopt);
  EXPECT_EQ(tokenizer.bos_id(), std::nullopt);
  EXPECT_EQ(tokenizer.vocabulary_size(), 262);
  EXPECT_EQ(tokenizer.kind(), "byte-level BPE");
  EXPECT_EQ(tokenizer.token_bytes(258), " the");
  EXPECT_EQ(tokenizer.decode({259, 257, 258, -1, 99999}), "<|im_start|>the the");
}

TEST(TokenizerJson, InvalidUtf8NamesTheByte) {
  const Tokenizer tokenizer = *Tokenizer::from_json(mini_tokenizer().dump());
  const Result<Ids> ids = tokenizer.encode("abc\xff");
  ASSERT_FALSE(ids);
  EXPECT_EQ(ids.error().code(), ErrorCode::kInvalidInput);
  EXPECT_NE(ids.error().message().find("byte 3"), std::string::npos);
}

TEST(TokenizerJson, BeginningOfSequence) {
  json file = mini_tokenizer();
  file["post_processor"] = {
      {"type", "Sequence"},
      {"processors",
       {{{"type", "ByteLevel"}},
        {{"type", "TemplateProcessing"},
         {"single", {{{"SpecialToken", {{"id", "<|im_start|>"}}}}, {{"Sequence", {{"id", "A"}}}}}},
         {"special_tokens", {{"<|im_start|>", {{"ids", {259}}}}}}}}}};
  EXPECT_EQ(Tokenizer::from_json(file.dump())->bos_id(), 259);
}

struct Attack {
  const char* name;
  ErrorCode code;
  const char* message;  // a part of it
  std::function<void(json&)> change;
};

TEST(TokenizerJson, WhatIsNotUnderstoodOrContradictsItselfIsNamed) {
  const auto bad = ErrorCode::kInvalidInput;
  const auto unsupported = ErrorCode::kUnsupported;
  const std::vector<Attack> attacks = {
      {"negative id", bad, "has id -1", [](json& f) { f["model"]["vocab"]["the"] = -1; }},
      {"huge id", bad, "has id 1000000000", [](json& f) { f["model"]["vocab"]["the"] = 1000000000; }},
      {"id of 20 digits", bad, "expected a whole number",
       [](json& f) { f["model"]["vocab"]["the"] = 18446744073709551615ull; }},
      {"id that is a fraction", bad, "expected a whole number",
       [](json& f) { f["model"]["vocab"]["the"] = 1.5; }},
      {"one id twice", bad, "used by two tokens", [](json& f) { f["model"]["vocab"]["the"] = 256; }},
      {"vocabulary is a list", bad, "model.vocab: expected an object",
       [](json& f) { f["model"]["vocab"] = json::array(); }},
      {"no merges", bad, "model.merges: expected an array", [](json& f) { f["model"].erase("merges"); }},
      {"merge of an unknown token", bad, "needs the token \"zz\"",
       [](json& f) { f["model"]["merges"][0] = "zz h"; }},
      {"merge into an unknown token", bad, "needs the token \"tt\"",
       [](json& f) { f["model"]["merges"][0] = "t t"; }},
      {"merge with an empty side", bad, "empty side",
       [](json& f) {
         f["model"]["merges"][0] = {"", "h"};
       }},
      {"merge of three", bad, "two tokens with one space",
       [](json& f) { f["model"]["merges"][0] = "t h e"; }},
      {"merge that is a number", bad, "model.merges[1]", [](json& f) { f["model"]["merges"][1] = 7; }},
      {"another model", unsupported, "only BPE", [](json& f) { f["model"]["type"] = "Unigram"; }},
      {"dropout", unsupported, "dropout", [](json& f) { f["model"]["dropout"] = 0.1; }},
      {"word ends", unsupported, "end_of_word_suffix",
       [](json& f) { f["model"]["end_of_word_suffix"] = "</w>"; }},
      {"unknown token that is not there", bad, "model.unk_token",
       [](json& f) { f["model"]["unk_token"] = "<unk>"; }},
      {"unknown model option", unsupported, "surprise", [](json& f) { f["model"]["surprise"] = 1; }},
      {"unknown normalizer", unsupported, "\"Lowercase\"",
       [](json& f) {
         f["normalizer"] = {{"type", "Lowercase"}};
       }},
      {"unknown pre-tokenizer", unsupported, "\"Whitespace\"",
       [](json& f) {
         f["pre_tokenizer"] = {{"type", "Whitespace"}};
       }},
      {"unknown option of a part", unsupported, "\"fancy\"",
       [](json& f) { f["pre_tokenizer"]["fancy"] = true; }},
      {"unknown post-processor", unsupported, "\"Robert\"",
       [](json& f) {
         f["post_processor"] = {{"type", "Robert"}};
       }},
      {"splitting after bytes", unsupported, "after ByteLevel",
       [](json& f) {
         const json step = f["pre_tokenizer"];
         f["pre_tokenizer"] = {{"type", "Sequence"}, {"pretokenizers", {step, step}}};
       }},
      {"a pattern that is none", bad, "does not compile",
       [](json& f) {
         f["pre_tokenizer"] = {
             {"type", "Split"}, {"pattern", {{"Regex", "(("}}}, {"behavior", "Isolated"}, {"invert", false}};
       }},
      {"an empty delimiter", bad, "not empty",
       [](json& f) {
         f["pre_tokenizer"] = {
             {"type", "Split"}, {"pattern", {{"String", ""}}}, {"behavior", "Isolated"}, {"invert", false}};
       }},
      {"added token with another id", bad, "expected 259", [](json& f) { f["added_tokens"][0]["id"] = 7; }},
      {"added token twice", bad, "listed twice",
       [](json& f) { f["added_tokens"][1]["content"] = f["added_tokens"][0]["content"]; }},
      {"flag that is a word", bad, "true or false", [](json& f) { f["added_tokens"][0]["special"] = "yes"; }},
      {"other version", unsupported, "version", [](json& f) { f["version"] = "2.0"; }},
      {"unknown part", unsupported, "\"extra\"", [](json& f) { f["extra"] = 1; }},
      {"no model", bad, "model: expected an object", [](json& f) { f.erase("model"); }},
  };
  for (const Attack& attack : attacks) {
    json file = mini_tokenizer();
    attack.change(file);
    const Result<Tokenizer> tokenizer = Tokenizer::from_json(file.dump());
    ASSERT_FALSE(tokenizer) << attack.name;
    EXPECT_EQ(tokenizer.error().code(), attack.code) << attack.name << ": " << tokenizer.error().to_string();
    EXPECT_NE(tokenizer.error().to_string().find(attack.message), std::string::npos)
        << attack.name << ": " << tokenizer.error().to_string();
  }
}

TEST(TokenizerJson, DeeplyNestedSequencesAreRefused) {
  json step = {{"type", "NFC"}};
  for (int depth = 0; depth < 200; ++depth)
    step = {{"type", "Sequence"}, {"normalizers", json::array({step})}};
  json file = mini_tokenizer();
  file["normalizer"] = step;
  EXPECT_FALSE(Tokenizer::from_json(file.dump()));
  EXPECT_FALSE(Tokenizer::from_json(std::string(1 << 20, '[')));
}

TEST(TokenizerJson, AnExplodingPatternIsAnError) {
  json file = mini_tokenizer();
  file["pre_tokenizer"] = {
      {"type", "Split"}, {"pattern", {{"Regex", "(a|aa)+$"}}}, {"behavior", "Isolated"}, {"invert", false}};
  const Result<Tokenizer> tokenizer = Tokenizer::from_json(file.dump());
  ASSERT_TRUE(tokenizer) << tokenizer.error().to_string();
  const Result<Ids> ids = tokenizer->encode(std::string(200, 'a') + "b");
  ASSERT_FALSE(ids);
  EXPECT_EQ(ids.error().code(), ErrorCode::kResourceLimit);
}

TEST(TokenizerJson, AnExplodingNormalizerIsAnError) {
  json file = mini_tokenizer();
  const json step = {
      {"type", "Replace"}, {"pattern", {{"String", "a"}}}, {"content", std::string(1000, 'a')}};
  file["normalizer"] = {{"type", "Sequence"}, {"normalizers", json::array({step, step, step, step})}};
  const Result<Ids> ids = Tokenizer::from_json(file.dump())->encode(std::string(1000, 'a'));
  ASSERT_FALSE(ids);
  EXPECT_EQ(ids.error().code(), ErrorCode::kResourceLimit);
}

// Whatever is cut off or flipped, the answer is a tokenizer or an error.
TEST(TokenizerJson, TruncatedAndFlipped) {
  const std::string whole = *read_text_file(test_data().string() + "/tokenizer/llama2/tokenizer.json");
  std::mt19937 random(5);
  for (int trial = 0; trial < 300; ++trial) {
    std::string file = whole;
    if (trial % 2 == 0) {
      file.resize(random() % file.size());
    } else {
      for (int flips = 0; flips < 3; ++flips)
        file[random() % file.size()] ^= static_cast<char>(1 << random() % 8);
    }
    const Result<Tokenizer> tokenizer = Tokenizer::from_json(file);
    if (tokenizer) {
      (void)tokenizer->encode_with_specials("Licensed <s> \u00e9 text");
    } else {
      EXPECT_NE(tokenizer.error().code(), ErrorCode::kInternal);
    }
  }
}

}  // namespace
}  // namespace headwise
