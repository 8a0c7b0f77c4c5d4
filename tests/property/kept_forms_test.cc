// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// A pass that is given passages in another form reads them as what they stand for: narrow numbers as the fp32
// numbers that they decode to, tokens that are not kept as if they were hidden, empty layers as if the
// passage were not there.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "decoder/cpu/cpu_kept_segment.h"
#include "decoder/create.h"
#include "support/model_name.h"
#include "support/paths.h"

namespace headwise {
namespace {

using Ids = std::vector<int32_t>;
using Kept = std::shared_ptr<const KeptSegment>;

constexpr int64_t kLead = 5;
constexpr int64_t kPassage = 90;
constexpr int64_t kQueryStart = kLead + 120;

// Sums of one layer, and where each segment's keys are in them.
struct Read {
  int layer = 0;
  int64_t heads = 0;
  int64_t key_count = 0;
  std::vector<float> sums;
  std::vector<LayerKeys> segments;
  std::vector<std::vector<int32_t>> tokens;

  const float* of(int64_t head, int segment) const {
    return sums.data() + head * key_count + segments[static_cast<size_t>(segment)].first;
  }
};

// The same numbers in fp32, in an image of its own.
Kept expanded(const CpuKeptSegment& kept) {
  KeptShape shape = kept.layout().shape();
  shape.type = KeptType::kFloat32;
  CpuKeptBuilder builder(KeptImageLayout::make(shape, kept.layout().layers()).value());
  const int64_t padded = kernels::padded_width(shape.head_width);
  for (int layer = 0; layer < kept.layers(); ++layer) {
    const int64_t count = kept.layer(layer).count;
    for (int head = 0; count > 0 && head < shape.kv_heads; ++head) {
      const std::vector<float> keys = kept.keys(layer, head);
      const std::vector<float> values = kept.values(layer, head);
      auto* tiles = reinterpret_cast<float*>(builder.at(builder.layout().keys(layer, head).numbers));
      auto* rows = reinterpret_cast<float*>(builder.at(builder.layout().values(layer, head).numbers));
      for (int64_t key = 0; key < count; ++key) {
        const int64_t first = key / kernels::kKeyTile * kernels::kKeyTile;
        const int64_t stride = kernels::tile_width(count, first);
        for (int64_t d = 0; d < shape.head_width; ++d) {
          const auto from = static_cast<size_t>(key * shape.head_width + d);
          tiles[first * shape.head_width + d * stride + key - first] = keys[from];
          if (!values.empty()) rows[key * padded + d] = values[from];
        }
      }
    }
  }
  return std::move(builder).finish();
}

class KeptForms : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    model_ = Model::load(test_data() / "golden" / "models" / GetParam(), {}).value();
    const ModelConfig& config = model_->config();
    layers_ = static_cast<int>(config.layers);
    for (int layer = 0; layer < layers_; ++layer) {
      for (int head = 0; head < config.heads; ++head) heads_.push_back({layer, head});
    }
    for (int i = 0; i < 2; ++i) {
      Ids& ids = passages_.emplace_back();
      for (int64_t token = 0; token < kPassage + 13 * i; ++token) {
        ids.push_back(static_cast<int32_t>(random_() % static_cast<uint64_t>(config.vocabulary)));
      }
    }
    const PromptLayout layout = layout_of(passages_);
    const int keep[] = {1, 2};
    DecodeRequest request;
    request.prompt = &layout;
    request.keep = keep;
    request.keep_until = layers_ - 1;
    kept_ = create_decoder(model_, {.threads = 2}).value()->run(request).value().kept;
  }

  PromptLayout layout_of(const std::vector<Ids>& passages) const {
    PromptLayout layout;
    layout.add_segment(Ids{11, 12, 13, 14, 15}, 0, {});
    for (const Ids& passage : passages) layout.add_segment(passage, kLead, {0});
    return layout;
  }

  // A query of `rows` tokens behind the passages.
  std::vector<Read> read(const std::vector<Ids>& passages, const std::vector<GivenSegment>& given, int rows) {
    PromptLayout layout = layout_of(passages);
    std::vector<int> seen;
    for (size_t i = 0; i < layout.segments.size(); ++i) seen.push_back(static_cast<int>(i));
    Ids query{3, 1, 4, 1, 5, 9, 2};
    query.resize(static_cast<size_t>(rows));
    const int segment = layout.add_segment(query, kQueryStart, seen);
    const RowGroup groups[] = {{layout.segment(segment).token_begin, rows}};
    std::vector<Read> layers;
    DecodeRequest request;
    request.prompt = &layout;
    request.heads = heads_;
    request.rows = groups;
    request.given = given;
    request.on_layer = [&](const LayerAttention& attention) {
      Read& of = layers.emplace_back();
      of.layer = attention.layer;
      of.heads = static_cast<int64_t>(attention.heads.size());
      of.key_count = attention.key_count;
      of.sums.assign(attention.sums, attention.sums + of.heads * attention.key_count);
      of.segments.assign(attention.segments.begin(), attention.segments.end());
      for (const LayerKeys& keys : attention.segments)
        of.tokens.emplace_back(keys.tokens.begin(), keys.tokens.end());
    };
    const auto done = create_decoder(model_, {.threads = 2}).value()->run(request);
    EXPECT_TRUE(done) << done.error().to_string();
    return layers;
  }

  std::vector<GivenSegment> given(const KeptForm& form) const {
    const std::vector<float> received(static_cast<size_t>(layers_ * (kPassage + 13)), 1.0f);
    std::vector<GivenSegment> all;
    for (int i = 0; i < 2; ++i) {
      const Kept& kept = kept_[static_cast<size_t>(i)];
      all.push_back(
          {i + 1, kept->reduced(form, {received.data(), static_cast<size_t>(layers_ * kept->tokens())})});
    }
    return all;
  }
  std::vector<float> shares(float share) const {
    std::vector<float> all(static_cast<size_t>(layers_), share);
    all[1] = share / 2;
    return all;
  }

  std::shared_ptr<const Model> model_;
  int layers_ = 0;
  std::vector<HeadId> heads_;
  std::vector<Ids> passages_;
  std::vector<Kept> kept_;
  std::mt19937_64 random_{21};
};

void expect_same_sums(const std::vector<Read>& one, const std::vector<Read>& other) {
  ASSERT_EQ(one.size(), other.size());
  for (size_t i = 0; i < one.size(); ++i) {
    EXPECT_EQ(one[i].sums, other[i].sums) << "layer " << one[i].layer;
    EXPECT_EQ(one[i].tokens, other[i].tokens) << "layer " << one[i].layer;
  }
}

TEST_P(KeptForms, NarrowNumbersAreReadAsWhatTheyDecodeTo) {
  for (const KeptType type : {KeptType::kFloat32, KeptType::kBfloat16, KeptType::kInt8}) {
    for (const BudgetTokens rule : {BudgetTokens::kEvery, BudgetTokens::kNorm, BudgetTokens::kReceived}) {
      for (const float share : {1.0f, 0.25f}) {
        const std::vector<GivenSegment> narrow = given({type, shares(share), rule});
        std::vector<GivenSegment> wide;
        for (const GivenSegment& segment : narrow) {
          wide.push_back({segment.segment, expanded(dynamic_cast<const CpuKeptSegment&>(*segment.kept))});
        }
        expect_same_sums(read(passages_, narrow, 7), read(passages_, wide, 7));
      }
    }
  }
}

// In the first layer a row's query does not depend on what it sees: its attention is that of the whole
// passage, shared out among the keys that are there.
TEST_P(KeptForms, MissingTokensAreHidden) {
  for (const BudgetTokens rule : {BudgetTokens::kEvery, BudgetTokens::kNorm}) {
    const Read whole = read(passages_, given({}), 1).front();
    const Read some = read(passages_, given({KeptType::kFloat32, shares(0.25f), rule}), 1).front();
    for (int64_t head = 0; head < whole.heads; ++head) {
      double seen = 0.0;
      const auto visit = [&](const auto& visitor) {
        for (int segment = 0; segment < 4; ++segment) {
          const auto s = static_cast<size_t>(segment);
          for (int64_t key = 0; key < some.segments[s].count; ++key) {
            const int64_t token = some.tokens[s].empty() ? key : some.tokens[s][static_cast<size_t>(key)];
            visitor(whole.of(head, segment)[token], some.of(head, segment)[key]);
          }
        }
      };
      ASSERT_EQ(some.segments[1].count, 23);  // a quarter of 90
      visit([&](double of_whole, double) { seen += of_whole; });
      ASSERT_LT(seen, 0.999);
      visit([&](double of_whole, double of_some) {
        EXPECT_NEAR(of_some, of_whole / seen, 1e-5 * std::max(of_whole / seen, 1e-3));
      });
    }
  }
}

TEST_P(KeptForms, EmptyLayersAreNotSeen) {
  std::vector<Read> without = read({}, {}, 7);
  std::vector<float> none(static_cast<size_t>(layers_), 0.0f);
  const std::vector<Read> hidden = read(passages_, given({KeptType::kFloat32, none}), 7);
  ASSERT_EQ(hidden.size(), without.size());
  for (size_t i = 0; i < hidden.size(); ++i) {
    EXPECT_EQ(hidden[i].segments[1].count, 0);
    for (int64_t head = 0; head < hidden[i].heads; ++head) {
      for (int64_t key = 0; key < kLead; ++key)
        EXPECT_EQ(hidden[i].of(head, 0)[key], without[i].of(head, 0)[key]);
      for (int64_t key = 0; key < 7; ++key)
        EXPECT_EQ(hidden[i].of(head, 3)[key], without[i].of(head, 1)[key]);
    }
  }
  // A join: as without passages below it, and nothing else the same from it on.
  none.back() = 1.0f;
  const std::vector<Read> joined = read(passages_, given({KeptType::kFloat32, none}), 7);
  EXPECT_EQ(joined.front().sums, hidden.front().sums);
  EXPECT_EQ(joined.back().segments[1].count, kPassage);
  EXPECT_GT(joined.back().of(0, 1)[0], 0.0f);
}

INSTANTIATE_TEST_SUITE_P(Models, KeptForms,
                         ::testing::Values("tiny-qwen3", "tiny-llama", "tiny-qwen2", "tiny-mistral"),
                         kModelName);

}  // namespace
}  // namespace headwise
