// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Rows that an earlier pass left as they enter a layer are taken up there: what is read is the same to the
// last bit, and their layers below are not run. A keeper remembers those of content-free rows below a join.
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "decoder/create.h"
#include "rerank/passage_keeper.h"
#include "rerank/shared_pass.h"
#include "support/model_name.h"
#include "support/paths.h"

namespace headwise {
namespace {

using Ids = std::vector<int32_t>;

constexpr int kLayer = 1;  // of two
constexpr int64_t kPosition = 60;

std::shared_ptr<const Model> tiny(const std::string& name) {
  return Model::load(test_data() / "golden" / "models" / name, {}).value();
}

// What is read of the deepest layer, of a lead, a query and a last segment.
struct Pass {
  std::vector<float> sums;
  std::shared_ptr<const HiddenRows> late;
};

class LateRowsOfPasses : public ::testing::TestWithParam<std::string> {
 protected:
  Pass run(int threads, const Ids& query, LinearChoice linear, std::shared_ptr<const HiddenRows> hidden,
           bool late = true) const {
    PromptLayout layout;
    layout.add_segment(Ids{11, 12, 13, 14, 15}, 0, {});
    layout.add_segment(query, kPosition, {0});
    const int last = layout.add_segment(Ids{7, 8, 9}, kPosition, {0});
    const PromptSegment& own = layout.segment(last);
    const RowGroup rows[] = {{layout.segment(1).token_begin, layout.segment(1).tokens},
                             {own.token_begin, own.tokens}};
    std::vector<HeadId> heads;
    for (int head = 0; head < model_->config().heads; ++head) heads.push_back({kLayer, head});
    Pass pass;
    DecodeRequest request;
    request.prompt = &layout;
    request.heads = heads;
    request.rows = rows;
    request.linear = linear;
    if (late) request.late = {last, kLayer, std::move(hidden)};
    request.on_layer = [&](const LayerAttention& attention) {
      const auto count = static_cast<int64_t>(attention.heads.size()) * 2 * attention.key_count;
      pass.sums.assign(attention.sums, attention.sums + count);
    };
    const auto done = create_decoder(model_, {.threads = threads}).value()->run(request);
    EXPECT_TRUE(done) << done.error().to_string();
    pass.late = done->late;
    return pass;
  }

  const std::shared_ptr<const Model> model_ = tiny(GetParam());
};

TEST_P(LateRowsOfPasses, AreReadAsIfTheyHadRun) {
  for (const LinearChoice linear : {LinearChoice::kPacked, LinearChoice::kStored}) {
    const Pass first = run(1, {3, 1, 4}, linear, nullptr);
    ASSERT_NE(first.late, nullptr);
    EXPECT_EQ(first.late->size(), static_cast<size_t>(3 * model_->config().width));
    EXPECT_EQ(run(1, {3, 1, 4}, linear, nullptr, false).sums, first.sums) << "asking changes nothing";
    // Queries of one row and of more than a tile: the last rows stand elsewhere among those that run.
    for (const size_t length : {1U, 9U, 150U}) {
      Ids query(length);
      for (size_t i = 0; i < length; ++i) query[i] = static_cast<int32_t>(20 + i);
      for (const int threads : {1, 2, 3}) {
        const Pass given = run(threads, query, linear, first.late);
        EXPECT_EQ(given.sums, run(threads, query, linear, nullptr, false).sums) << length << ' ' << threads;
        EXPECT_EQ(given.late, nullptr);
      }
    }
    HiddenRows other = *first.late;
    for (float& value : other) value = 1.0f - value;
    const Pass wrong = run(1, {3, 1, 4}, linear, std::make_shared<const HiddenRows>(other));
    EXPECT_NE(wrong.sums, first.sums) << "they are run, not taken up";
  }
}

INSTANTIATE_TEST_SUITE_P(Models, LateRowsOfPasses,
                         ::testing::Values("tiny-llama", "tiny-qwen3", "tiny-gemma3", "tiny-olmo2"),
                         kModelName);

TEST(LateRowsOfExperts, RunWhole) {
  const auto model = tiny("tiny-qwen3moe");
  PromptLayout layout;
  layout.add_segment(Ids{11, 12}, 0, {});
  layout.add_segment(Ids{7, 8}, 2, {0});
  const HeadId head{1, 0};
  DecodeRequest request;
  request.prompt = &layout;
  request.heads = {&head, 1};
  request.late = {1, 1, nullptr};
  const auto done = create_decoder(model, {.threads = 1}).value()->run(request);
  ASSERT_TRUE(done) << done.error().to_string();
  EXPECT_EQ(done->late, nullptr);
}

Passage plain_passage(const char* text) { return {.id = {}, .title = {}, .text = text}; }

// Requests through a keeper.
class LateRowsOfRequests : public ::testing::Test {
 protected:
  LateRowsOfRequests() {
    options_.encoding = Encoding::kBlocks;
    options_.calibration = Calibration::kNa;
    options_.keep.memory = uint64_t{16} << 20;
  }

  void open(const char* budget) {
    options_.keep.budget = parse_keep_budget(budget).value();
    rules_ = prompt_rules(*model_, options_).value();
    keeper_ = PassageKeeper::open(model_, options_, *rules_, 1, *decoder_).value();
  }
  // Whether the pass has the rows from an earlier one, or is asked for them.
  enum class Late { kNone, kAsked, kGiven };
  Late request(std::string_view query, const std::vector<Passage>& passages) {
    std::vector<int> order;
    for (size_t i = 0; i < passages.size(); ++i) order.push_back(static_cast<int>(i));
    const BuiltPrompt prompt = build_prompt(model_->tokenizer(), *rules_, query, passages, order).value();
    const auto part = keeper_->prepare(prompt, nullptr).value();
    const HeadId head{1, 0};
    const std::vector<RowGroup> groups = row_groups(prompt);
    DecodeRequest decode;
    decode.prompt = &prompt.layout;
    decode.heads = {&head, 1};
    decode.rows = groups;
    decode.given = part.given;
    decode.keep = part.keep;
    decode.keep_until = part.keep_until;
    decode.late = part.late;
    keeper_->take(prompt, part, decoder_->run(decode).value());
    if (part.late.segment < 0) return Late::kNone;
    EXPECT_EQ(part.late.layer, 1);
    return part.late.hidden == nullptr ? Late::kAsked : Late::kGiven;
  }

  const std::shared_ptr<const Model> model_ = tiny("tiny-llama");
  const std::unique_ptr<Decoder> decoder_ = create_decoder(model_, {.threads = 1}).value();
  RerankerOptions options_;
  std::optional<PromptRules> rules_;
  std::unique_ptr<PassageKeeper> keeper_;
};

TEST_F(LateRowsOfRequests, AreKeptByPosition) {
  open("1,split=join:1");
  const std::vector<Passage> some = {plain_passage("a lamp in the tower"), plain_passage("tea")};
  EXPECT_EQ(request("the lamp?", some), Late::kAsked);
  EXPECT_EQ(request("who drinks the tea of the tower?", some), Late::kGiven);
  EXPECT_EQ(request("the lamp?", {some.front()}), Late::kGiven) << "the longest is as long";
  EXPECT_EQ(request("the lamp?", {some.back()}), Late::kAsked) << "they stand elsewhere";
  EXPECT_EQ(request("the sea?", {some.back()}), Late::kGiven);
}

TEST_F(LateRowsOfRequests, AreNoneWithoutAJoin) {
  const std::vector<Passage> some = {plain_passage("a lamp in the tower")};
  for (const char* budget : {"1", "0.5", "0.5,split=pyramid"}) {
    open(budget);
    EXPECT_EQ(request("the lamp?", some), Late::kNone) << budget;
  }
  open("1,split=join:1");
  rules_->content_free = false;
  EXPECT_EQ(request("the lamp?", some), Late::kNone);
}

TEST(LateRowsMemory, ForgetsTheOldest) {
  BuiltPrompt prompt;
  prompt.layout.add_segment(Ids{1, 2}, 0, {});
  prompt.layout.add_segment(Ids{5}, 9, {0});
  prompt.segments.instruction = -1;
  prompt.segments.content_free = 1;
  const auto at = [&](int64_t position) {
    prompt.layout.segments[1].first_position = position;
    return prompt;
  };
  const auto rows = std::make_shared<const HiddenRows>(100, 1.0f);  // 400 bytes, and 48 of the key
  LateRowsMemory memory(3, 1000);
  EXPECT_EQ(memory.find(at(9)).layer, 3);
  EXPECT_EQ(memory.find(at(9)).hidden, nullptr);
  memory.keep(at(9), nullptr);
  for (const int64_t position : {9, 10, 11}) memory.keep(at(position), rows);
  EXPECT_EQ(memory.find(at(9)).hidden, nullptr);
  EXPECT_EQ(memory.find(at(10)).hidden, rows);
  EXPECT_EQ(memory.find(at(11)).hidden, rows);
  memory.keep(at(12), std::make_shared<const HiddenRows>(1000, 1.0f));
  EXPECT_EQ(memory.find(at(12)).hidden, nullptr) << "larger than all that may be kept";
  EXPECT_EQ(memory.find(at(10)).hidden, rows);
  EXPECT_EQ(LateRowsMemory(0, 1000).find(at(9)).segment, -1);
}

}  // namespace
}  // namespace headwise
