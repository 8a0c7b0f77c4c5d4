// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The table of options: what a value may be and what is said of a wrong one, defaults, what stands in the
// headers of runs, what a client may set, and that docs/options.md says the same.
#include "engine/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "support/paths.h"

namespace headwise {
namespace {

using ::testing::ElementsAre;

// A value that the option takes, as it is written back.
std::string some_value(const Option& option) {
  switch (option.value.kind) {
    case OptionKind::kFlag:
      return "true";
    case OptionKind::kInteger:
      return "7";
    case OptionKind::kSize:
      return "3MiB";
    case OptionKind::kNumber:
      return "-0.25";
    case OptionKind::kNumberOrWord:
      return option.name == "fuse" ? "0.70" : "0.5";  // the one as it was spelled
    case OptionKind::kWord:
      return option.value.words().back();
    case OptionKind::kText:
      if (option.value.words != nullptr) return option.value.words().back();
      break;
    case OptionKind::kPath:
      break;
  }
  return "any text";
}

TEST(Options, HaveNamesOfTheirOwnAndAreFoundByThem) {
  std::set<std::string_view> names;
  std::set<std::string> fields;
  for (const Option& option : options()) {
    EXPECT_TRUE(names.insert(option.name).second) << option.name;
    EXPECT_TRUE(fields.insert(client_field(option)).second) << option.name;
    EXPECT_EQ(find_option(option.name), &option);
    EXPECT_STRNE(option.help, "") << option.name;
  }
  EXPECT_EQ(find_option("max_words"), nullptr);
  EngineSettings settings;
  const auto wrong = set_option(settings, "max_words", "3");
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code(), ErrorCode::kUsage);
}

TEST(Options, EveryOneIsReadWrittenAndTakenBack) {
  for (const Option& option : options()) {
    EngineSettings settings;
    EXPECT_EQ(option_text(settings, option.name), "") << option.name;
    const std::string value = some_value(option);
    ASSERT_TRUE(set_option(settings, option.name, value)) << option.name;
    EXPECT_EQ(option_text(settings, option.name), value) << option.name;
    for (const Option& other : options()) {
      if (&other != &option) {
        EXPECT_EQ(option_text(settings, other.name), "") << other.name;
      }
    }
    ASSERT_TRUE(set_option(settings, option.name, "")) << option.name;
    EXPECT_EQ(option_text(settings, option.name), "") << option.name;
    if (option.value.words == nullptr) continue;
    for (const std::string& word : option.value.words()) {
      ASSERT_TRUE(set_option(settings, option.name, word)) << option.name << " " << word;
      EXPECT_EQ(option_text(settings, option.name), word);
    }
  }
}

TEST(Options, WrongValuesAreNamedWithWhatIsExpected) {
  const struct {
    const char* name;
    const char* given;
    const char* says;
  } cases[] = {
      {"encoding", "lists", "--encoding: expected one of blocks, list; found 'lists'"},
      {"calibration", "NA", "--calibration: expected one of ratio, na, none; found 'NA'"},
      {"weights", "int3", "--weights: expected one of stored, fp32; found 'int3'"},
      {"fuse", "-1", "--fuse: expected a weight of the first stage such as 0.7, or rrf, or none; found '-1'"},
      {"fuse", "0.5x",
       "--fuse: expected a weight of the first stage such as 0.7, or rrf, or none; found '0.5x'"},
      {"fuse", "nan",
       "--fuse: expected a weight of the first stage such as 0.7, or rrf, or none; found 'nan'"},
      {"full-depth", "1", "--full-depth: expected true or false; found '1'"},
      {"max-words", "many", "--max-words: expected a whole number; found 'many'"},
      {"max-words", "1.5", "--max-words: expected a whole number; found '1.5'"},
      {"max-words", "-1", "--max-words: expected 0 or more; found '-1'"},
      {"max-words", "-", "--max-words: expected a whole number; found '-'"},
      {"max-words", "2147483648",
       "--max-words: expected a number that fits, at most 2147483647; found '2147483648'"},
      {"seed", "18446744073709551616",
       "--seed: expected a number that fits, at most 18446744073709551615; found '18446744073709551616'"},
      {"device", "cuda:", "--device: expected cpu, cuda or cuda:N, N being a card's number; found 'cuda:'"},
      {"threads", "1025", "--threads: expected 0 to 1024; found '1025'"},
      {"threads", "-1", "--threads: expected 0 to 1024; found '-1'"},
      {"keep-memory", "1GB", "--keep-memory: expected bytes, such as 1GiB, 512M or 1073741824; found '1GB'"},
      {"keep-memory", "-1", "--keep-memory: expected bytes, such as 1GiB, 512M or 1073741824; found '-1'"},
      {"keep-memory", "16777216T",
       "--keep-memory: expected bytes, such as 1GiB, 512M or 1073741824; found '16777216T'"},
      {"keep-type", "fp16", "--keep-type: expected one of fp32, bf16, int8; found 'fp16'"},
      {"score", "Raw", "--score: expected one of raw, relevance, softmax, minmax; found 'Raw'"},
      {"min-score", "nan", "--min-score: expected a number; found 'nan'"},
      {"min-score", "-inf", "--min-score: expected a number; found '-inf'"},
      {"min-score", "1e999", "--min-score: expected a number; found '1e999'"},
      {"min-score", "0,5", "--min-score: expected a number; found '0,5'"},
      {"min-score", "50%", "--min-score: expected a number; found '50%'"},
  };
  for (const auto& wrong : cases) {
    EngineSettings settings;
    const auto set = set_option(settings, wrong.name, wrong.given);
    ASSERT_FALSE(set) << wrong.given;
    EXPECT_EQ(set.error().code(), ErrorCode::kUsage);
    EXPECT_EQ(set.error().message(), wrong.says);
  }
  EngineSettings settings;
  ASSERT_TRUE(set_option(settings, "seed", "18446744073709551615"));
  EXPECT_EQ(settings.seed, std::numeric_limits<uint64_t>::max());
  ASSERT_TRUE(set_option(settings, "max-words", "+80"));
  EXPECT_EQ(settings.max_words, 80);
}

TEST(Options, ABudgetMayNameAFile) {
  EngineSettings settings;
  ASSERT_TRUE(set_option(settings, "keep-budget", "1/4,split=depth,tokens=norm,file=a/b.json"));
  EXPECT_EQ(settings.keep_budget->share, 0.25);
  EXPECT_EQ(settings.keep_budget->split, BudgetSplit::kDepth);
  EXPECT_EQ(settings.keep_budget->file, "a/b.json");
  EXPECT_EQ(option_text(settings, "keep-budget"), "0.25,split=depth,tokens=norm,file=a/b.json");
  ASSERT_TRUE(set_option(settings, "keep-budget", "file=b.json"));
  EXPECT_EQ(settings.keep_budget->share, 1.0);
  EXPECT_EQ(option_text(settings, "keep-budget"), "file=b.json");
  const auto wrong = set_option(settings, "keep-budget", "2");
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code(), ErrorCode::kUsage);
}

TEST(Options, BytesMayHaveUnits) {
  const std::tuple<const char*, uint64_t, const char*> cases[] = {
      {"0", 0, "0"},
      {"1000", 1000, "1000"},
      {"1024B", 1024, "1KiB"},
      {"1536K", 1536 * 1024, "1536KiB"},
      {"512M", uint64_t{512} << 20, "512MiB"},
      {"1024MiB", uint64_t{1} << 30, "1GiB"},
      {"16777215TiB", uint64_t{16777215} << 40, "16777215TiB"}};
  for (const auto& [text, bytes, written] : cases) {
    EngineSettings settings;
    ASSERT_TRUE(set_option(settings, "keep-memory", text)) << text;
    EXPECT_EQ(settings.keep_memory, bytes);
    EXPECT_EQ(option_text(settings, "keep-memory"), written);
  }
}

TEST(Options, WhatAProgramSetsIsWrittenAsPeopleWriteIt) {
  EngineSettings settings{.rows = QueryRows::kInstructionAndQuery,
                          .fuse = FusionChoice{.fusion = Fusion::kWeighted, .weight = 0.7}};
  EXPECT_EQ(option_text(settings, "rows"), "instruction+query");
  EXPECT_EQ(option_text(settings, "fuse"), "0.7");
  settings.fuse = FusionChoice{.fusion = Fusion::kReciprocalRank};
  EXPECT_EQ(option_text(settings, "fuse"), "rrf");
  settings.fuse = FusionChoice{};
  EXPECT_EQ(option_text(settings, "fuse"), "none");
}

TEST(Options, DefaultsAreTheRerankers) {
  const auto made = reranker_options({});
  ASSERT_TRUE(made) << made.error().to_string();
  const RerankerOptions plain;
  EXPECT_EQ(made->heads.kind, plain.heads.kind);
  EXPECT_EQ(made->encoding, plain.encoding);
  EXPECT_EQ(made->calibration, plain.calibration);
  EXPECT_EQ(made->token_filter, plain.token_filter);
  EXPECT_EQ(made->filter_after_sum, plain.filter_after_sum);
  EXPECT_EQ(made->rows, plain.rows);
  EXPECT_EQ(made->prompt_template, plain.prompt_template);
  EXPECT_EQ(made->chat_format, plain.chat_format);
  EXPECT_EQ(made->order, plain.order);
  EXPECT_EQ(made->seed, plain.seed);
  EXPECT_EQ(made->max_words, plain.max_words);
  EXPECT_EQ(made->max_tokens, plain.max_tokens);
  EXPECT_EQ(made->long_passages, plain.long_passages);
  EXPECT_EQ(made->max_windows, plain.max_windows);
  EXPECT_EQ(made->block_span, plain.block_span);
  EXPECT_EQ(made->fusion, plain.fusion);
  EXPECT_EQ(made->fusion_weight, plain.fusion_weight);
  EXPECT_EQ(made->top_k, plain.top_k);
  EXPECT_EQ(made->threads, plain.threads);
  EXPECT_EQ(made->full_depth, plain.full_depth);
  EXPECT_EQ(made->max_prompt_tokens, plain.max_prompt_tokens);
  EXPECT_EQ(made->instruction, plain.instruction);
  EXPECT_EQ(made->score, plain.score);
  EXPECT_EQ(made->min_score, plain.min_score);
  EXPECT_FALSE(made->keep.any());
  EXPECT_TRUE(made->keep.exact());
  EXPECT_EQ(made->keep.store_bytes, plain.keep.store_bytes);
  EXPECT_EQ(made->keep.second_sight, plain.keep.second_sight);
}

TEST(Options, WhatIsSetReachesTheReranker) {
  EngineSettings settings;
  for (const Option& option : options()) {
    if (option.name == "heads") continue;
    ASSERT_TRUE(set_option(settings, option.name, some_value(option)));
  }
  const auto made = reranker_options(settings);
  ASSERT_TRUE(made) << made.error().to_string();
  EXPECT_EQ(made->encoding, Encoding::kList);
  EXPECT_EQ(made->calibration, Calibration::kNone);
  EXPECT_EQ(made->token_filter, TokenFilter::kNone);
  EXPECT_TRUE(made->filter_after_sum);
  EXPECT_EQ(made->rows, QueryRows::kQuery);
  EXPECT_EQ(made->prompt_template, "any text");
  EXPECT_EQ(made->chat_format, "any text");
  EXPECT_EQ(made->order, CandidateOrder::kShuffled);
  EXPECT_EQ(made->seed, 7U);
  EXPECT_EQ(made->max_words, 7);
  EXPECT_EQ(made->max_tokens, 7);
  EXPECT_EQ(made->long_passages, LongPassages::kChunk);
  EXPECT_EQ(made->max_windows, 7);
  EXPECT_EQ(made->block_span, 7);
  EXPECT_EQ(made->fusion, Fusion::kWeighted);
  EXPECT_EQ(made->fusion_weight, 0.7);
  EXPECT_EQ(made->top_k, 7);
  EXPECT_EQ(made->threads, 7);
  EXPECT_TRUE(made->full_depth);
  EXPECT_EQ(made->max_prompt_tokens, 7);
  EXPECT_EQ(made->instruction, "any text");
  EXPECT_EQ(made->score, ScoreKind::kMinmax);
  EXPECT_EQ(made->min_score, -0.25);
  EXPECT_EQ(made->keep.memory, uint64_t{3} << 20);
  EXPECT_EQ(made->keep.store, "any text");
  EXPECT_EQ(made->keep.store_bytes, uint64_t{3} << 20);
  EXPECT_TRUE(made->keep.second_sight);
  EXPECT_EQ(made->keep.type, KeptType::kInt8);
  EXPECT_EQ(made->keep.budget.share, 0.5);
}

// Runs that were begun go on: the headers of their journals keep names, order and spelling.
TEST(Options, ThoseThatDecideAreWrittenAsInEveryRunSoFar) {
  EngineSettings settings = with_defaults({});
  settings.heads = "8..11";
  EXPECT_EQ(
      options_that_decide(settings).dump(),
      R"({"heads":"8..11","encoding":"blocks","calibration":"ratio","token-filter":"low",)"
      R"("filter-after-sum":false,"rows":"template","fuse":"none","template":"","chat-format":"",)"
      R"("order":"given","seed":0,"max-words":300,"max-tokens":1024,"max-prompt-tokens":0,"block-span":0,)"
      R"("top-k":0})");
  const std::string file = (std::filesystem::temp_directory_path() / "options_test_template.json").string();
  std::ofstream(file) << "{}";
  settings.heads = "0-1,1-0";
  settings.router = file;
  settings.prompt_template = file;
  ASSERT_TRUE(set_option(settings, "fuse", "0.70"));
  const auto json = options_that_decide(settings, std::vector<double>{0.5, 0.25});
  std::vector<std::string> names;
  for (const auto& [name, value] : json.items()) names.push_back(name);
  EXPECT_THAT(names, ElementsAre("heads", "weights", "router", "encoding", "calibration", "token-filter",
                                 "filter-after-sum", "rows", "fuse", "template", "template-content",
                                 "chat-format", "order", "seed", "max-words", "max-tokens",
                                 "max-prompt-tokens", "block-span", "top-k"));
  EXPECT_EQ(json["weights"].dump(), "[0.5,0.25]");
  EXPECT_EQ(json["fuse"], "0.70");
  EXPECT_EQ(json["template"], file);
  EXPECT_EQ(json["router"], json["template-content"]);  // the same file's content
  std::ofstream(file) << "{ }";
  EXPECT_NE(options_that_decide(settings)["router"], json["router"]);
  std::filesystem::remove(file);
}

TEST(Options, WhatCannotChangeAScoreDecidesNothing) {
  EngineSettings slow = with_defaults({}), fast = with_defaults({});
  fast.weights = ModelOptions::Weights::kFloat32;
  fast.threads = 2;
  fast.full_depth = true;
  fast.keep_memory = uint64_t{1} << 30;
  fast.keep = "kept";
  EXPECT_EQ(options_that_decide(slow), options_that_decide(fast));
  fast.keep_type = KeptType::kInt8;
  EXPECT_EQ(options_that_decide(fast)["keep-type"], "int8");
  EXPECT_NE(options_that_decide(slow), options_that_decide(fast));
  fast.keep_type = KeptType::kFloat32;
  fast.precision = Precision::kInt8;
  EXPECT_EQ(options_that_decide(fast)["precision"], "int8");
  fast.precision = Precision::kAuto;
  fast.device = DeviceChoice{.kind = DeviceChoice::Kind::kCuda};
  EXPECT_EQ(options_that_decide(fast)["device"], "cuda");
  const auto first_card = options_that_decide(fast);
  fast.device->ordinal = 1;
  EXPECT_EQ(options_that_decide(fast), first_card);
  fast.device = DeviceChoice{};
  EXPECT_EQ(options_that_decide(slow), options_that_decide(fast));
  fast.max_words = 301;
  EXPECT_NE(options_that_decide(slow), options_that_decide(fast));
  fast = with_defaults({});
  fast.instruction = "Find what contradicts the claim.";
  fast.score = ScoreKind::kSoftmax;
  fast.min_score = 0.5;
  const auto decides = options_that_decide(fast);
  EXPECT_EQ(decides["instruction"], "Find what contradicts the claim.");
  EXPECT_EQ(decides["score"], "softmax");
  EXPECT_EQ(decides["min-score"], 0.5);
}

TEST(Options, AClientMaySetNothingThatOpensAFileOrCostsMemory) {
  std::vector<std::string> fields;
  for (const Option& option : options()) {
    if (option.client) fields.push_back(client_field(option));
  }
  EXPECT_THAT(fields, ElementsAre("adapter", "heads", "encoding", "calibration", "token_filter",
                                  "filter_after_sum", "rows", "fuse", "template", "order", "seed",
                                  "max_words", "max_tokens_per_doc", "long", "max_windows", "block_span"));
  EXPECT_NE(find_option("template")->client->words, nullptr);
}

// The cells of docs/options.md that the table knows: option, values, default, decides, the server's field.
std::string cells(const Option& option) {
  std::string values;
  switch (option.value.kind) {
    case OptionKind::kFlag:
      values = "a flag";
      break;
    case OptionKind::kInteger:
      values = option.most == std::numeric_limits<uint64_t>::max() ? "a number"
                                                                   : "0 to " + std::to_string(option.most);
      break;
    case OptionKind::kSize:
      values = "bytes, `512M`, `1GiB`";
      break;
    case OptionKind::kNumber:
      values = "a number";
      break;
    case OptionKind::kText:
      if (option.value.words == nullptr) values = "a text";
      break;
    case OptionKind::kPath:
      values = "a name or path";
      break;
    case OptionKind::kNumberOrWord:
      values = "a number, ";
      break;
    case OptionKind::kWord:
      break;
  }
  const bool listed = option.value.words != nullptr && option.value.kind != OptionKind::kPath;
  const std::vector<std::string> words = listed ? option.value.words() : std::vector<std::string>{};
  for (size_t i = 0; i < words.size(); ++i) values += (i > 0 ? ", `" : "`") + words[i] + "`";
  const std::string fallback = option.value.kind == OptionKind::kFlag ? "off" : option.fallback;
  const std::string shown = fallback.empty() || fallback == "off" ? fallback : "`" + fallback + "`";
  const std::string field = option.client ? "`" + client_field(option) + "`" : "";
  return "| `--" + std::string(option.name) + "` | " + values + " | " + shown + " | " +
         (option.decides == Decides::kNothing ? "" : "yes") + " | " + field + " | ";
}

// HEADWISE_WRITE_DOCUMENTS=1 puts right what is stale; the last cell, what an option does, is people's.
TEST(Options, AreThoseOfTheirPage) {
  const std::filesystem::path page = test_data() / "../../docs/options.md";
  std::ifstream file(page);
  ASSERT_TRUE(file) << page;
  std::map<std::string, std::string> prose;
  std::string before, rows, after;
  for (std::string line; std::getline(file, line);) {
    std::string& part = line.starts_with("| `--") ? rows : rows.empty() ? before : after;
    part += line + "\n";
    if (&part != &rows) continue;
    std::istringstream cell(line);
    std::string text, name;
    std::getline(cell, text, '|');
    std::getline(cell, name, '|');
    for (int skipped = 0; skipped < 4; ++skipped) std::getline(cell, text, '|');
    std::getline(cell, text);
    prose[name] = text;
  }
  std::string wanted;
  for (const Option& option : options()) {
    const std::string said = prose[" `--" + std::string(option.name) + "` "];
    wanted += cells(option) + (said.empty() ? std::string(option.help) + " |" : said.substr(1)) + "\n";
  }
  EXPECT_EQ(rows, wanted) << "run this test with HEADWISE_WRITE_DOCUMENTS=1";
  if (std::getenv("HEADWISE_WRITE_DOCUMENTS") != nullptr) std::ofstream(page) << before << wanted << after;
}

}  // namespace
}  // namespace headwise
