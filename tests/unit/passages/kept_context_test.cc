// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "passages/kept_context.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>

#include "passages/passage_key.h"

namespace headwise {
namespace {

using ::testing::HasSubstr;

KeptContext a_context() {
  KeptContext context;
  context.model = "0123456789abcdef";
  context.wording = "blocks";
  context.prefix = {1, 2, 3};
  context.deepest_layer = 17;
  context.decoder = {"cpu", "fp32", "avx2"};
  return context;
}

struct Change {
  std::string words;  // of the message
  std::function<void(KeptContext&)> make;
};

TEST(KeptContext, EverythingThatDecidesIsInTheDigestAndNamed) {
  const KeptContext before = a_context();
  EXPECT_EQ(before.digest().size(), 32U);
  EXPECT_EQ(before.digest(), a_context().digest());
  EXPECT_EQ(difference(before.describe(), a_context()), "");
  const std::vector<Change> changes = {
      {"model: the store has '0123456789abcdef', this engine 'other'", [](auto& c) { c.model = "other"; }},
      {"template: the store has 'blocks', this engine 'blocks-short'",
       [](auto& c) {
         c.prefix = {1, 2};
         c.wording = "blocks-short";
       }},
      {"prefix: the store has 3 tokens, this engine 2 tokens",
       [](auto& c) {
         c.prefix = {1, 2};
       }},
      {"layer: the store has 17, this engine 12", [](auto& c) { c.deepest_layer = 12; }},
      {"backend: the store has 'cpu', this engine 'cuda'", [](auto& c) { c.decoder.backend = "cuda"; }},
      {"precision: the store has 'fp32', this engine 'bf16'", [](auto& c) { c.decoder.precision = "bf16"; }},
      {"instruction_set: the store has 'avx2', this engine 'avx512'",
       [](auto& c) { c.decoder.instruction_set = "avx512"; }},
      {"arithmetic: the store has 4, this engine 5", [](auto& c) { c.decoder.arithmetic = 5; }},
      {"type: the store has 'fp32', this engine 'int8'", [](auto& c) { c.form.type = KeptType::kInt8; }},
      {"shares: the store has none, this engine [0.5,0.25]",
       [](auto& c) {
         c.form.shares = {0.5F, 0.25F};
       }},
  };
  for (const Change& change : changes) {
    KeptContext after = a_context();
    change.make(after);
    EXPECT_NE(after.digest(), before.digest()) << change.words;
    EXPECT_THAT(difference(before.describe(), after), HasSubstr(change.words));
  }
}

TEST(KeptContext, WhatDoesNotDecideIsNotInTheDigest) {
  KeptContext other = a_context();
  other.wording = "blocks by another name";
  EXPECT_EQ(other.digest(), a_context().digest());
  EXPECT_EQ(difference(other.describe(), a_context()), "");

  KeptContext one = a_context();
  KeptContext two = a_context();
  one.form.type = two.form.type = KeptType::kInt8;
  two.decoder.instruction_set = "avx512";
  EXPECT_EQ(one.digest(), two.digest()) << "int8 is an approximation on either machine";
  one.form.tokens = BudgetTokens::kNorm;
  EXPECT_EQ(one.digest(), two.digest()) << "every token is kept";
  one.form.shares = two.form.shares = {0.5F};
  EXPECT_NE(one.digest(), two.digest());
}

TEST(KeptContext, ManifestsFromElsewhereAreComparedNotTrusted) {
  const KeptContext context = a_context();
  for (const char* text : {"[]", "17", "\"x\"", "null"}) {
    EXPECT_NE(difference(nlohmann::ordered_json::parse(text), context), "") << text;
  }
  auto manifest = context.describe();
  manifest.erase("model");
  EXPECT_THAT(difference(manifest, context), HasSubstr("model: the store has none"));
  manifest = context.describe();
  manifest["device"] = 1;
  EXPECT_THAT(difference(manifest, context), HasSubstr("device: the store has 1, this engine none"));
  manifest = context.describe();
  manifest["prefix"] = {1, 2, 4};
  EXPECT_NE(difference(manifest, context), "");
}

TEST(PassageKey, IsOfContextAndTokens) {
  const std::vector<int32_t> tokens = {1, 2, 3};
  const PassageKey key = passage_key("context", tokens);
  EXPECT_EQ(key, passage_key("context", tokens));
  EXPECT_NE(key, passage_key("Context", tokens));
  EXPECT_NE(key, passage_key("context", std::vector<int32_t>{1, 2}));
  EXPECT_NE(key, passage_key("context", std::vector<int32_t>{1, 2, 4}));
  EXPECT_EQ(key.hex().size(), 32U);
  // A store is read by later builds and other machines: the value itself stays.
  EXPECT_EQ(key.hex(), "93952e60be959339cc6e46fa54dced67");
}

TEST(PassageKey, OfTwoPiecesIsThatOfOne) {
  const std::string text(1000, 'x');
  const auto bytes = std::as_bytes(std::span(text));
  for (const size_t cut : {size_t{0}, size_t{1}, size_t{255}, size_t{256}, size_t{999}, size_t{1000}}) {
    EXPECT_EQ(checksum(bytes.first(cut), bytes.subspan(cut)), checksum(bytes)) << cut;
  }
  RunningChecksum sum;
  for (size_t begin = 0; begin < bytes.size(); begin += 7) {
    sum.add(bytes.subspan(begin, std::min<size_t>(7, bytes.size() - begin)));
  }
  EXPECT_EQ(sum.value(), checksum(bytes));
}

}  // namespace
}  // namespace headwise
