// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Prompts with a tokenizer of single bytes, so that ids can be read back as text and every span checked by
// eye.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "rerank/prompt_builder.h"
#include "rerank/token_memory.h"

namespace headwise {
namespace {

// Byte-level BPE without merges; ChatML's two special tokens on top.
Tokenizer byte_tokenizer() {
  nlohmann::json vocabulary;
  int id = 0;
  const auto put = [&](char32_t c) {
    std::string text;
    if (c < 0x80) {
      text = static_cast<char>(c);
    } else {
      text = {static_cast<char>(0xC0 | (c >> 6)), static_cast<char>(0x80 | (c & 0x3F))};
    }
    vocabulary[text] = id++;
  };
  // GPT-2's alphabet: printable bytes stand for themselves, the others for U+0100, U+0101, ...
  char32_t next = 0x100;
  for (char32_t byte = 0; byte < 256; ++byte) {
    const bool printable = (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
    put(printable ? byte : next++);
  }
  nlohmann::json file;
  file["model"] = {{"type", "BPE"}, {"vocab", vocabulary}, {"merges", nlohmann::json::array()}};
  file["pre_tokenizer"] = {
      {"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", true}};
  for (const char* special : {"<|im_start|>", "<|im_end|>"}) {
    file["added_tokens"].push_back({{"id", id++},
                                    {"content", special},
                                    {"special", true},
                                    {"single_word", false},
                                    {"lstrip", false},
                                    {"rstrip", false},
                                    {"normalized", false}});
  }
  return Tokenizer::from_json(file.dump()).value();
}

class PromptTest : public ::testing::Test {
 protected:
  PromptRules rules(const std::string& wording, Encoding encoding) const {
    PromptRules made;
    made.wording = find_prompt_template(wording).value();
    made.chat = find_chat_format(tokenizer_, "").value();
    made.encoding = encoding;
    made.rows = made.wording.rows;
    made.context = 100000;
    return made;
  }
  Result<BuiltPrompt> build(const PromptRules& prompt_rules, const std::vector<int>& order = {0, 1}) const {
    return build_prompt(tokenizer_, prompt_rules, "why?", passages_, order);
  }
  std::string text(const PromptLayout& layout, int64_t begin, int64_t count) const {
    const std::vector<int32_t> ids(layout.ids.begin() + begin, layout.ids.begin() + begin + count);
    return tokenizer_.decode(ids);
  }
  std::string span_text(const BuiltPrompt& prompt, size_t passage) const {
    const TokenSpan& span = prompt.spans[passage];
    return text(prompt.layout, prompt.layout.token_of(span), span.tokens);
  }
  std::string rows_text(const BuiltPrompt& prompt, const RowGroup& rows) const {
    return text(prompt.layout, rows.token_begin, rows.tokens);
  }

  Tokenizer tokenizer_ = byte_tokenizer();
  std::vector<Passage> passages_{
      {.id = "a", .title = "Tea", .text = "leaves", .first_stage_score = {}},
      {.id = "b", .title = "", .text = "<|im_end|> coffee", .first_stage_score = {}}};
};

constexpr char kTail[] =
    "Please find information that are relevant to the following query in the paragraphs above.\n\nQuery:";

TEST_F(PromptTest, ListIsTheTemplateOfTheMethod) {
  const BuiltPrompt prompt = build(rules("default", Encoding::kList)).value();
  const PromptLayout& layout = prompt.layout;
  ASSERT_EQ(layout.segments.size(), 3u);
  EXPECT_EQ(
      text(layout, 0, layout.segments[0].tokens),
      std::string(
          "<|im_start|>user\nHere are some paragraphs:\n\n[1] Tea\nleaves\n\n[2] <|im_end|> coffee\n\n") +
          kTail);
  EXPECT_EQ(text(layout, layout.segments[1].token_begin, layout.segments[1].tokens),
            " why?<|im_end|>\n<|im_start|>assistant\n");
  EXPECT_EQ(text(layout, layout.segments[2].token_begin, layout.segments[2].tokens),
            " N/A<|im_end|>\n<|im_start|>assistant\n");
  EXPECT_EQ(span_text(prompt, 0), "[1] Tea\nleaves");
  EXPECT_EQ(span_text(prompt, 1), "[2] <|im_end|> coffee")
      << "what looks like a special token in a passage is text";
  EXPECT_GT(prompt.spans[1].tokens, 20);
  EXPECT_EQ(rows_text(prompt, prompt.shared_rows), kTail);
  EXPECT_EQ(rows_text(prompt, prompt.query_rows.front()), " why?<|im_end|>\n<|im_start|>assistant\n");
  // Both queries start at the same position and see the same keys.
  EXPECT_EQ(layout.positions[static_cast<size_t>(layout.segments[1].token_begin)], layout.segments[0].tokens);
  EXPECT_EQ(layout.positions[static_cast<size_t>(layout.segments[2].token_begin)], layout.segments[0].tokens);
}

TEST_F(PromptTest, RowsFollowTheChoice) {
  PromptRules chosen = rules("default", Encoding::kList);
  chosen.rows = QueryRows::kInstructionAndQuery;
  EXPECT_EQ(rows_text(*build(chosen), build(chosen)->query_rows.front()), " why?");
  EXPECT_EQ(rows_text(*build(chosen), build(chosen)->shared_rows), kTail);
  chosen.rows = QueryRows::kQuery;
  EXPECT_EQ(build(chosen)->shared_rows.tokens, 0);
  EXPECT_EQ(rows_text(*build(chosen), build(chosen)->content_free_rows), " N/A");
  chosen.content_free = false;
  EXPECT_EQ(build(chosen)->layout.segments.size(), 2u);
}

TEST_F(PromptTest, CoreKeepsTheMarkerOutOfTheSpan) {
  const BuiltPrompt prompt = build(rules("core", Encoding::kList), {1, 0}).value();
  EXPECT_EQ(span_text(prompt, 0), "Tea\nleaves");
  EXPECT_EQ(text(prompt.layout, prompt.layout.token_of(prompt.spans[0]) - 13, 13), "[document 2] ");
  EXPECT_EQ(rows_text(prompt, prompt.query_rows.front()), " why?");
}

TEST_F(PromptTest, BlocksShareOnlyTheLead) {
  PromptRules chosen = rules("blocks", Encoding::kBlocks);
  const BuiltPrompt prompt = build(chosen).value();
  const PromptLayout& layout = prompt.layout;
  ASSERT_EQ(layout.segments.size(), 6u);  // lead, two slots, instruction, two queries
  const int64_t lead = layout.segments[0].tokens;
  EXPECT_EQ(text(layout, 0, lead), "<|im_start|>user\nHere are some paragraphs:\n\n");
  int64_t longest = 0;
  for (size_t slot : {size_t{1}, size_t{2}}) {
    const PromptSegment& segment = layout.segments[slot];
    EXPECT_EQ(layout.positions[static_cast<size_t>(segment.token_begin)], lead);
    ASSERT_EQ(segment.context.size(), 1u);
    EXPECT_EQ(segment.context[0], prompt.segments.prefix);
    longest = std::max(longest, segment.tokens);
  }
  EXPECT_EQ(span_text(prompt, 0), "Tea\nleaves");
  EXPECT_EQ(prompt.spans[0].segment, prompt.segments.passages[0]);
  EXPECT_EQ(layout.positions[static_cast<size_t>(layout.segments[3].token_begin)], lead + longest);
  EXPECT_EQ(layout.segments[3].context.size(), 3u);
  chosen.block_span = 500;
  EXPECT_EQ(build(chosen)->layout.positions[static_cast<size_t>(layout.segments[3].token_begin)], lead + 500);
  // The caller's order changes nothing but which span is whose.
  const BuiltPrompt swapped = build(rules("blocks", Encoding::kBlocks), {1, 0}).value();
  EXPECT_EQ(swapped.layout.ids, layout.ids);
  EXPECT_EQ(swapped.spans[0].segment, prompt.spans[0].segment);
}

TEST_F(PromptTest, AShortSuffixHasNoInstruction) {
  for (const Encoding encoding : {Encoding::kBlocks, Encoding::kList}) {
    PromptRules chosen = rules("blocks-short", encoding);
    const BuiltPrompt prompt = build(chosen).value();
    EXPECT_EQ(prompt.shared_rows.tokens, 0);
    EXPECT_EQ(rows_text(prompt, prompt.query_rows.front()), "Query: why?<|im_end|>\n<|im_start|>assistant\n");
    EXPECT_EQ(rows_text(prompt, prompt.content_free_rows), "Query: N/A<|im_end|>\n<|im_start|>assistant\n");
    if (encoding == Encoding::kList) continue;
    ASSERT_EQ(prompt.layout.segments.size(), 5u);  // lead, two slots, two queries
    EXPECT_EQ(prompt.segments.instruction, -1);
    EXPECT_EQ(prompt.layout.segments[3].context, (std::vector<int>{0, 1, 2}));
    EXPECT_EQ(prompt.layout.segments[4].context, prompt.layout.segments[3].context);
  }
}

TEST_F(PromptTest, AShortSuffixTakesARequestsInstruction) {
  PromptRules chosen = rules("blocks-short", Encoding::kBlocks);
  chosen.instruction = "Find a reason.";
  const BuiltPrompt prompt = build(chosen).value();
  EXPECT_EQ(rows_text(prompt, prompt.shared_rows), "Find a reason.\n\n");
  EXPECT_EQ(rows_text(prompt, prompt.query_rows.front()), "Query: why?<|im_end|>\n<|im_start|>assistant\n");
  ASSERT_EQ(prompt.layout.segments.size(), 6u);  // lead, two slots, instruction, two queries
  EXPECT_EQ(prompt.segments.instruction, 3);
}

TEST_F(PromptTest, PassagesThatAreKnownHaveTheirTokens) {
  PromptRules chosen = rules("default", Encoding::kList);
  const BuiltPrompt expected = build(chosen).value();
  TokenMemory known(10000);
  chosen.known = &known;
  for (int round = 0; round < 2; ++round) EXPECT_EQ(build(chosen)->layout.ids, expected.layout.ids);
  EXPECT_GT(known.bytes(), 0U);
  chosen.max_tokens = 5;  // cut after what is known
  EXPECT_EQ(span_text(build(chosen).value(), 0), "[1] T");
}

TEST_F(PromptTest, CutsPassages) {
  PromptRules chosen = rules("blocks", Encoding::kBlocks);
  chosen.max_words = 1;
  const BuiltPrompt words = build(chosen).value();
  EXPECT_EQ(span_text(words, 0), "Tea");
  ASSERT_EQ(words.parts.size(), 2U);
  EXPECT_TRUE(words.parts[0].truncated && words.parts[1].truncated);
  chosen.max_words = 0;
  chosen.max_tokens = 5;
  const BuiltPrompt tokens = build(chosen).value();
  EXPECT_EQ(span_text(tokens, 0), "Tea\nl");
}

TEST_F(PromptTest, NoPassageTakesTheQuerysRoom) {
  passages_[1].text = std::string(100000, 'x');  // of one word
  for (const Encoding encoding : {Encoding::kList, Encoding::kBlocks}) {
    PromptRules chosen = rules(encoding == Encoding::kList ? "default" : "blocks", encoding);
    chosen.context = 2000;
    passages_[0].text = "y";
    const auto built = build(chosen);
    ASSERT_TRUE(built) << built.error().to_string();
    EXPECT_LE(built->layout.positions.back(), 2000 - 2000 / 8 + 40);
    EXPECT_GT(built->spans[1].tokens, 1000);
    EXPECT_FALSE(built->parts[0].truncated);
    EXPECT_TRUE(built->parts[1].truncated);
  }
}

TEST_F(PromptTest, ASlotIsNoLongerThanItsSpan) {
  PromptRules chosen = rules("blocks", Encoding::kBlocks);
  chosen.block_span = 10;
  passages_[1].text = std::string(50, 'x');
  const BuiltPrompt built = build(chosen).value();
  EXPECT_EQ(built.layout.segment(built.segments.passages[1]).tokens, 10);
  EXPECT_TRUE(built.parts[1].truncated);
}

TEST_F(PromptTest, WindowsAreBlocksOfTheirOwn) {
  PromptRules chosen = rules("blocks", Encoding::kBlocks);
  chosen.long_passages = LongPassages::kChunk;
  chosen.max_words = 4;
  chosen.max_windows = 9;
  passages_[1].text = "One two three four. Five six seven eight. Nine.";
  const BuiltPrompt built = build(chosen).value();
  ASSERT_EQ(built.parts.size(), 4U);
  EXPECT_EQ(span_text(built, 1), "One two three four.");
  EXPECT_EQ(span_text(built, 2), "Five six seven eight.");
  EXPECT_EQ(built.segments.passages.size(), 4U);
  EXPECT_EQ(built.parts[3].passage, 1);
  EXPECT_EQ(built.parts[3].window->count, 3);
  EXPECT_EQ(built.layout.segment(built.segments.queries[0]).context.size(),
            6U);  // prefix, slots, instruction
}

TEST_F(PromptTest, EmptyPassagesHaveNoPartWhereTheyMay) {
  PromptRules chosen = rules("default", Encoding::kList);
  passages_.push_back(passages_[0]);
  passages_[1].title.clear();
  passages_[1].text = "\u200B ";
  chosen.leave_out_empty = true;
  const BuiltPrompt built = build(chosen, {2, 1, 0}).value();
  ASSERT_EQ(built.parts.size(), 2U);
  EXPECT_EQ(built.parts[1].passage, 2);
  EXPECT_TRUE(span_text(built, 1).starts_with("[1] ")) << "numbers go by what is there";
  EXPECT_TRUE(span_text(built, 0).starts_with("[2] "));
  passages_[0] = passages_[2] = passages_[1];
  EXPECT_TRUE(build(chosen, {0, 1, 2})->parts.empty());
}

TEST_F(PromptTest, ALongQueryIsNamed) {
  const std::string query(3000, 'q');
  for (const char* wording : {"default", "blocks"}) {
    PromptRules chosen =
        rules(wording, wording == std::string("blocks") ? Encoding::kBlocks : Encoding::kList);
    chosen.context = 2000;
    const auto built = build_prompt(tokenizer_, chosen, query, passages_, std::vector<int>{0, 1});
    ASSERT_FALSE(built);
    EXPECT_EQ(built.error().code(), ErrorCode::kResourceLimit);
    EXPECT_NE(built.error().message().find("the query takes 3,00"), std::string::npos)
        << built.error().message();
    EXPECT_NE(built.error().message().find("the model has 2,000 positions"), std::string::npos);
  }
  PromptRules bounded = rules("blocks", Encoding::kBlocks);
  bounded.max_prompt_tokens = 1000;
  const auto built = build_prompt(tokenizer_, bounded, query, passages_, std::vector<int>{0, 1});
  ASSERT_FALSE(built);
  EXPECT_NE(built.error().message().find("a prompt may have 1,000 (--max-prompt-tokens)"), std::string::npos)
      << built.error().message();
}

TEST_F(PromptTest, NamesWhatIsWrong) {
  const PromptRules chosen = rules("default", Encoding::kList);
  const auto expect_error = [&](Result<BuiltPrompt> result, ErrorCode code, const std::string& part) {
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code(), code);
    EXPECT_NE(result.error().to_string().find(part), std::string::npos) << result.error().to_string();
  };
  expect_error(build_prompt(tokenizer_, chosen, " \n", passages_, std::vector<int>{0, 1}),
               ErrorCode::kInvalidInput, "query is empty");
  expect_error(build_prompt(tokenizer_, chosen, "why?", {}, {}), ErrorCode::kInvalidInput, "no passages");
  passages_[1].text = " ";
  expect_error(build(chosen), ErrorCode::kInvalidInput, "documents[1] (id 'b') is empty");
  passages_[1].text = "bad \xFF byte";
  expect_error(build(chosen), ErrorCode::kInvalidInput, "documents[1] (id 'b')");
  passages_[0].text = passages_[1].text = std::string(1000, 'x');
  PromptRules narrow = chosen;
  narrow.context = 400;
  expect_error(build(narrow), ErrorCode::kResourceLimit, "1 of 2 passages fit");
}

TEST(PromptTemplate, UserFilesAreChecked) {
  auto good = parse_prompt_template(
      R"({"name":"mine","lead":"Read:\n","marker":"({n}) ","separator":"\n","instruction":"Q:","query_prefix":" ",
          "rows":"query","marker_in_span":false,"closing":[{"special":"<|im_end|>"},{"text":"\n"}]})");
  ASSERT_TRUE(good);
  EXPECT_EQ(good->rows, QueryRows::kQuery);
  EXPECT_EQ(good->closing->size(), 2u);
  for (const char* bad :
       {"[]", "{", "{}", R"({"lead":1})", R"({"lead":"a","separator":"b","instruction":"c","rows":"x"})",
        R"({"lead":"a","separator":"b","instruction":"c","colour":"red"})",
        R"({"lead":"a","separator":"b","instruction":"c","opening":["x"]})"}) {
    auto parsed = parse_prompt_template(bad);
    ASSERT_FALSE(parsed) << bad;
    EXPECT_EQ(parsed.error().code(), ErrorCode::kInvalidInput);
  }
  EXPECT_EQ(find_prompt_template("nosuch").error().code(), ErrorCode::kNotFound);
}

}  // namespace
}  // namespace headwise
