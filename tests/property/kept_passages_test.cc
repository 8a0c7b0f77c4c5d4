// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// A passage encoded alone, however short, has the keys and values that it has among others, to the last bit;
// and a pass that is given them reads what it would have read had it run the passage's tokens. What is kept
// does not depend on the heads that are read beside.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "base/aligned_buffer.h"
#include "decoder/create.h"
#include "support/model_name.h"
#include "support/paths.h"

namespace headwise {
namespace {

using Ids = std::vector<int32_t>;
using Kept = std::shared_ptr<const KeptSegment>;

constexpr int64_t kPrefix = 7;  // tokens
constexpr int64_t kQueryPosition = kPrefix + 200;

class KeptPassages : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    model_ = Model::load(test_data() / "golden" / "models" / GetParam(), {}).value();
    const ModelConfig& config = model_->config();
    for (int layer = 0; layer < config.layers; ++layer) {
      for (int head = 0; head < config.heads; ++head) heads_.push_back({layer, head});
    }
  }

  Ids random_ids(int64_t count) {
    Ids ids;
    for (int64_t i = 0; i < count; ++i) {
      ids.push_back(static_cast<int32_t>(random_() % static_cast<uint64_t>(model_->config().vocabulary)));
    }
    return ids;
  }

  // The prefix and passages that see it: segments 0, 1, ...
  PromptLayout passages_layout(const std::vector<Ids>& passages) const {
    PromptLayout layout;
    layout.add_segment(prefix_, 0, {});
    for (const Ids& passage : passages) layout.add_segment(passage, kPrefix, {0});
    return layout;
  }

  // The kept segments of every passage of one pass.
  std::vector<Kept> encode(const std::vector<Ids>& passages, std::span<const HeadId> heads, int threads) {
    const PromptLayout layout = passages_layout(passages);
    std::vector<int> keep;
    for (size_t i = 0; i <= passages.size(); ++i) keep.push_back(static_cast<int>(i));
    DecodeRequest request;
    request.prompt = &layout;
    request.heads = heads;
    request.keep = keep;
    const auto decoder = create_decoder(model_, {.threads = threads}).value();
    return decoder->run(request).value().kept;
  }

  // The same without reading anything, to a layer.
  std::vector<Kept> encode_until(int layer, const std::vector<Ids>& passages, std::span<const HeadId> heads) {
    const PromptLayout layout = passages_layout(passages);
    std::vector<int> keep;
    for (size_t i = 0; i <= passages.size(); ++i) keep.push_back(static_cast<int>(i));
    DecodeRequest request;
    request.prompt = &layout;
    request.heads = heads;
    request.keep = keep;
    request.keep_until = layer;
    const auto decoder = create_decoder(model_, {.threads = 2}).value();
    DecodeResult done = decoder->run(request).value();
    EXPECT_EQ(done.layers_run, std::max(layer + 1, heads.empty() ? 0 : heads.back().layer + 1));
    return done.kept;
  }

  // All sums of attention, layer after layer, of a query behind the passages.
  std::vector<float> read(const std::vector<Ids>& passages, const std::vector<GivenSegment>& given,
                          std::span<const HeadId> heads, int threads) {
    PromptLayout layout = passages_layout(passages);
    std::vector<int> seen;
    for (size_t i = 0; i < layout.segments.size(); ++i) seen.push_back(static_cast<int>(i));
    const int query = layout.add_segment(query_, kQueryPosition, seen);
    const RowGroup rows[] = {{layout.segment(query).token_begin, static_cast<int64_t>(query_.size())}};
    std::vector<float> sums;
    DecodeRequest request;
    request.prompt = &layout;
    request.heads = heads;
    request.rows = rows;
    request.given = given;
    request.on_layer = [&](const LayerAttention& attention) {
      const auto count = static_cast<int64_t>(attention.heads.size()) * attention.key_count;
      sums.insert(sums.end(), attention.sums, attention.sums + count);
    };
    const auto decoder = create_decoder(model_, {.threads = threads}).value();
    EXPECT_TRUE(decoder->run(request));
    return sums;
  }

  std::shared_ptr<const Model> model_;
  std::vector<HeadId> heads_;
  std::mt19937_64 random_{20};
  const Ids prefix_{11, 12, 13, 14, 15, 16, 17};
  const Ids query_{3, 1, 4, 1, 5, 9, 2, 6, 5};
};

void expect_same(const KeptSegment& one, const KeptSegment& other, int64_t kv_heads) {
  ASSERT_EQ(one.tokens(), other.tokens());
  ASSERT_EQ(one.layers(), other.layers());
  for (int layer = 0; layer < one.layers(); ++layer) {
    for (int head = 0; head < kv_heads; ++head) {
      EXPECT_EQ(one.keys(layer, head), other.keys(layer, head)) << "layer " << layer << " head " << head;
      EXPECT_EQ(one.values(layer, head), other.values(layer, head)) << "layer " << layer << " head " << head;
    }
  }
}

TEST_P(KeptPassages, AloneAsAmongOthers) {
  const int64_t kv_heads = model_->config().kv_heads;
  std::vector<Ids> passages;
  for (const int64_t tokens : {1, 2, 16, 57, 63, 64, 65, 128, 200}) passages.push_back(random_ids(tokens));
  for (int i = 0; i < 6; ++i) passages.push_back(random_ids(1 + static_cast<int64_t>(random_() % 200)));
  const std::vector<Kept> together = encode(passages, heads_, 2);
  for (size_t i = 0; i < passages.size(); ++i) {
    SCOPED_TRACE(std::to_string(passages[i].size()) + " tokens");
    const std::vector<Kept> alone = encode({passages[i]}, heads_, 1 + static_cast<int>(i % 3));
    expect_same(*alone[1], *together[i + 1], kv_heads);
    expect_same(*alone[0], *together[0], kv_heads);
    ASSERT_EQ(alone[1]->keys(0, 0).size(),
              passages[i].size() * static_cast<size_t>(model_->config().head_width));
  }
}

TEST_P(KeptPassages, GivenReadsAsFresh) {
  for (int round = 0; round < 4; ++round) {
    std::vector<Ids> passages;
    for (int i = 0; i < 5; ++i) passages.push_back(random_ids(1 + static_cast<int64_t>(random_() % 150)));
    // All heads, and three that leave the last layers and most heads out.
    const std::vector<HeadId> few{{1, 0}, {0, 1}, {1, 1}};
    const std::vector<HeadId>& heads = round % 2 == 0 ? heads_ : few;
    const std::vector<float> fresh = read(passages, {}, heads, 2);
    std::vector<GivenSegment> all{{0, encode({}, heads, 1)[0]}};
    for (size_t i = 0; i < passages.size(); ++i) {
      all.push_back({static_cast<int>(i) + 1, encode({passages[i]}, heads, 2)[1]});
    }
    EXPECT_EQ(read(passages, all, heads, 3), fresh);
    EXPECT_EQ(read(passages, {all[0], all[2], all[4]}, heads, 1), fresh) << "some given, some run";
  }
}

TEST_P(KeptPassages, WhatDoesNotFitIsRefused) {
  const std::vector<Ids> passages{random_ids(20)};
  const std::vector<HeadId> shallow{{0, 0}};
  const auto refusal = [&](const std::vector<Ids>& prompt, const Kept& kept) {
    PromptLayout layout = passages_layout(prompt);
    layout.add_segment(query_, kQueryPosition, {0, 1});
    const GivenSegment given[] = {{1, kept}};
    DecodeRequest request;
    request.prompt = &layout;
    request.heads = heads_;
    request.given = given;
    const auto done = create_decoder(model_, {.threads = 1}).value()->run(request);
    EXPECT_FALSE(done);
    return done ? std::string() : done.error().message();
  };
  EXPECT_EQ(
      refusal({random_ids(21)}, encode(passages, heads_, 1)[1]),
      "kept keys and values are of 20 tokens from position 7; the prompt has 21 from position 7 in their "
      "place");
  EXPECT_EQ(refusal(passages, encode(passages, shallow, 1)[1]),
            "the kept keys and values of segment 1 end before layer 0, which this pass reads; keep them anew "
            "with these heads");
}

// All kv heads of the deepest layer, whatever is read of it, and no more than is asked for where the pass
// goes deeper: one image, bit for bit, so that any head set of this depth may use it.
TEST_P(KeptPassages, KeepUntilIsOneImage) {
  const std::vector<Ids> passages{random_ids(1), random_ids(70), random_ids(200)};
  const std::vector<HeadId> few{{0, 1}, {1, 0}};
  const auto kv_heads = static_cast<int>(model_->config().kv_heads);
  const auto width = static_cast<size_t>(model_->config().head_width);
  const std::vector<Kept> alone = encode_until(1, passages, {});
  const std::vector<Kept> beside_few = encode_until(1, passages, few);
  const std::vector<Kept> beside_all = encode_until(1, passages, heads_);
  for (size_t i = 0; i < alone.size(); ++i) {
    ASSERT_EQ(alone[i]->layers(), 2);
    for (const Kept& other : {beside_few[i], beside_all[i]}) {
      ASSERT_EQ(alone[i]->bytes(), other->bytes());
      EXPECT_EQ(std::memcmp(alone[i]->image().data(), other->image().data(), other->bytes()), 0);
    }
    for (int head = 0; head < kv_heads; ++head) {
      EXPECT_EQ(alone[i]->keys(1, head).size(), static_cast<size_t>(alone[i]->tokens()) * width);
      EXPECT_TRUE(alone[i]->values(1, head).empty());
      EXPECT_EQ(alone[i]->values(0, head).size(), static_cast<size_t>(alone[i]->tokens()) * width);
    }
  }
  // Read by other heads of the same depth, from a copy of the bytes.
  const std::vector<HeadId> others{{1, 0}, {1, static_cast<int>(model_->config().heads) - 1}};
  std::vector<GivenSegment> given;
  for (size_t i = 0; i < alone.size(); ++i) {
    auto bytes = std::make_shared<AlignedBuffer<std::byte>>(alone[i]->bytes());
    std::memcpy(bytes->data(), alone[i]->image().data(), alone[i]->bytes());
    given.push_back(
        {static_cast<int>(i), read_kept_segment({bytes->data(), alone[i]->bytes()}, held(bytes)).value()});
  }
  EXPECT_EQ(read(passages, given, others, 2), read(passages, {}, others, 2));
}

INSTANTIATE_TEST_SUITE_P(Models, KeptPassages,
                         ::testing::Values("tiny-qwen3", "tiny-llama", "tiny-qwen2", "tiny-mistral",
                                           "tiny-mistral-window", "tiny-gemma2", "tiny-gemma3", "tiny-olmo2",
                                           "tiny-smollm3", "tiny-granite", "tiny-qwen3moe"),
                         kModelName);

}  // namespace
}  // namespace headwise
