// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Head-set files: the published forms in and out, the shape they may name, and what ships in the library.
#include "headwise/head_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "headwise/head_catalogue.h"
#include "support/paths.h"

namespace headwise {
namespace {

using ::testing::HasSubstr;

const std::filesystem::path kPublished = test_data() / "heads";

// Through our own form and back into `format`.
HeadSet around(const HeadSet& set, HeadSetFormat format) {
  const auto ours = parse_head_set(format_head_set(set, HeadSetFormat::kHeadwise));
  EXPECT_TRUE(ours) << ours.error().message();
  const auto back = parse_head_set(format_head_set(*ours, format));
  EXPECT_TRUE(back) << back.error().message();
  return *back;
}

TEST(HeadSet, PublishedQrHeadYamlComesBack) {
  const auto published = read_head_set(kPublished / "Llama-3.1-8B-Instruct_qr_head_NQ.yaml");
  ASSERT_TRUE(published) << published.error().message();
  ASSERT_EQ(published->heads.size(), 16u);
  EXPECT_EQ(published->heads.front(), (HeadId{14, 22}));
  EXPECT_EQ(published->heads.back(), (HeadId{20, 14}));  // before the comment of the same line
  EXPECT_EQ(around(*published, HeadSetFormat::kQrHead).heads, published->heads);
  EXPECT_EQ(find_head_set("qrhead/llama-3.1-8b")->heads, published->heads);
}

TEST(HeadSet, PublishedCoReJsonComesBack) {
  const auto published = read_head_set(kPublished / "core_llama_layers_8_13_14.json");
  ASSERT_TRUE(published) << published.error().message();
  ASSERT_EQ(published->heads.size(), 96u);
  const HeadSet back = around(*published, HeadSetFormat::kCore);
  EXPECT_EQ(back.heads, published->heads);
  EXPECT_EQ(back.head_scores, published->head_scores);
}

TEST(HeadSet, YamlWithOtherQuotesAndCommentsOfItsOwn) {
  for (const char* text : {"model: x\nattn_head_set: '1-2,3-4'\n", "attn_head_set: 1-2, 3-4 # best",
                           "attn_head_set: \"1-2,3-4\"\r\nmodel: y"}) {
    const auto set = parse_head_set(text);
    ASSERT_TRUE(set) << text;
    EXPECT_EQ(set->heads, (std::vector<HeadId>{{1, 2}, {3, 4}}));
  }
  for (const char* text : {"attn_head_set", "attn_head_set: # none", "attn_head_set: \"full_heads\""}) {
    EXPECT_FALSE(parse_head_set(text)) << text;
  }
}

TEST(HeadSet, TheShapeThatItNamesIsKeptAndChecked) {
  HeadSet set;
  set.heads = {{1, 0}, {0, 3}};
  set.target = {"Made-Up-1B", 2, 4};
  const HeadSet back = around(set, HeadSetFormat::kHeadwise);
  ASSERT_TRUE(back.target);
  EXPECT_EQ(back.target->name, "Made-Up-1B");
  EXPECT_TRUE(check_head_set(back, "llama-2x4-64-0", 2, 4));
  const auto refused = check_head_set(back, "llama-3x4-64-0", 3, 4);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kInvalidInput);
  EXPECT_THAT(refused.error().message(), HasSubstr("Made-Up-1B (2 layers x 4 heads)"));
  EXPECT_THAT(refused.error().message(), HasSubstr("llama-3x4-64-0, has 3 layers x 4 heads"));
}

TEST(HeadCatalogue, EverySetIsWholeAndSaysWhereItIsFrom) {
  ASSERT_GE(head_catalogue().size(), 15u);
  for (const CatalogueEntry& entry : head_catalogue()) {
    SCOPED_TRACE(entry.name);
    EXPECT_EQ(find_head_set(entry.name), &entry.set);
    if (!entry.set.model.empty()) {  // one of ours
      EXPECT_EQ(default_head_set(entry.set.model)->model, entry.set.model);
      continue;
    }
    ASSERT_TRUE(entry.set.target);
    const HeadSetTarget& target = *entry.set.target;
    EXPECT_TRUE(check_head_set(entry.set, "any", target.layers, target.heads));
    EXPECT_FALSE(check_head_set(entry.set, "any", target.layers + 1, target.heads));
    EXPECT_THAT(entry.set.source, HasSubstr("commit "));
    EXPECT_FALSE(entry.set.method.empty());
  }
}

TEST(HeadCatalogue, NamesThatItDoesNotHave) {
  EXPECT_EQ(find_head_set("qrhead/none"), nullptr);
  EXPECT_EQ(find_head_set(""), nullptr);
  EXPECT_NE(find_head_set("QRHead/Llama-3.1-8B"), nullptr);
  EXPECT_EQ(default_head_set("llama-1x1-1-0"), nullptr);
  EXPECT_EQ(default_head_set(""), nullptr);
}

}  // namespace
}  // namespace headwise
