// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Narrow keys and values: decoded to the same bits by every table, and read by attention as the fp32 numbers
// that they stand for, bit for bit.
#include "kernels/key_tiles.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>

#include "support/kept_segments.h"
#include "support/kernel_tables.h"

namespace headwise::kernels {
namespace {

using Floats = AlignedBuffer<float>;

// A block of any type as fp32, in the same layout.
struct Expanded {
  Expanded(const KeyBlock& from, int64_t width, bool with_values)
      : keys(static_cast<size_t>(stored_keys(from.count) * width)),
        values(static_cast<size_t>(stored_keys(from.count) * padded_width(width))) {
    for (int64_t first = 0; first < from.count; first += kKeyTile) {
      available_kernels().front()->decode_keys(from, first, width, keys.data() + first * width);
      if (!with_values) continue;
      available_kernels().front()->decode_values(from, first, width,
                                                 values.data() + first * padded_width(width));
    }
    block = from;
    block.type = KeptType::kFloat32;
    block.keys = keys.data();
    block.values = with_values ? values.data() : nullptr;
  }
  Floats keys;
  Floats values;
  KeyBlock block;
};

// The numbers themselves, by the formulas of docs/method.md#kept-passages.
TEST(KeyTiles, AreWhatTheFormulasSay) {
  const int64_t width = 24;
  const auto whole = random_kept(70, 1, width, 2, false, 1);
  for (const KeptType type : {KeptType::kBfloat16, KeptType::kInt8}) {
    const auto kept = whole->reduced({type, {}}, {});
    for (int head = 0; head < 2; ++head) {
      const std::vector<float> keys = whole->keys(0, head);
      const std::vector<float> narrow = kept->keys(0, head);
      ASSERT_EQ(narrow.size(), keys.size());
      std::vector<float> largest(static_cast<size_t>(width), 0.0f);
      for (size_t i = 0; i < keys.size(); ++i) {
        float& of = largest[i % static_cast<size_t>(width)];
        of = std::max(of, std::abs(keys[i]));
      }
      for (size_t i = 0; i < keys.size(); ++i) {
        const float step = largest[i % static_cast<size_t>(width)] / 127.0f;
        const float bound = type == KeptType::kInt8 ? step * 0.5001f : std::abs(keys[i]) / 256.0f;
        EXPECT_LE(std::abs(narrow[i] - keys[i]), bound) << i;
        if (type == KeptType::kInt8) {
          EXPECT_EQ(narrow[i], std::nearbyint(keys[i] / step) * step) << i;
        }
      }
      const std::vector<float> values = whole->values(0, head);
      const std::vector<float> narrow_values = kept->values(0, head);
      ASSERT_EQ(narrow_values.size(), values.size());
      for (size_t row = 0; row < values.size(); row += static_cast<size_t>(width)) {
        float most = 0.0f;
        for (size_t d = 0; d < static_cast<size_t>(width); ++d) {
          most = std::max(most, std::abs(values[row + d]));
        }
        for (size_t i = row; i < row + static_cast<size_t>(width); ++i) {
          const float bound =
              type == KeptType::kInt8 ? most / 127.0f * 0.5001f : std::abs(values[i]) / 256.0f;
          EXPECT_LE(std::abs(narrow_values[i] - values[i]), bound) << i;
        }
      }
    }
  }
}

TEST(KeyTiles, Bfloat16RoundsToNearestEven) {
  const int64_t width = 16;
  KeptImageLayout layout =
      KeptImageLayout::make({KeptType::kFloat32, width, 1, 1, 0}, {KeptLayer::all(1, true)}).value();
  const size_t place = layout.values(0, 0).numbers;
  CpuKeptBuilder builder(std::move(layout));
  const float given[] = {1.0f, 0x1.01p0f, 0x1.03p0f, 0x1.010002p0f, -0x1.03p0f, 0x1.fffffep0f, 0.0f, -0.0f};
  const float nearest[] = {1.0f, 1.0f, 0x1.04p0f, 0x1.02p0f, -0x1.04p0f, 2.0f, 0.0f, -0.0f};
  std::copy(std::begin(given), std::end(given), reinterpret_cast<float*>(builder.at(place)));
  const std::vector<float> rounded =
      std::move(builder).finish()->reduced({KeptType::kBfloat16, {}}, {})->values(0, 0);
  for (size_t i = 0; i < std::size(given); ++i) {
    EXPECT_EQ(std::bit_cast<uint32_t>(rounded[i]), std::bit_cast<uint32_t>(nearest[i])) << i;
  }
}

// Damaged weights must not hide behind a narrow type: a request that reads such numbers fails.
TEST(KeyTiles, WhatIsNoNumberStaysNone) {
  const int64_t width = 16;
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::bit_cast<float>(0x7fffffffu),
                          std::numeric_limits<float>::infinity()}) {
    auto layout =
        KeptImageLayout::make({KeptType::kFloat32, width, 1, 2, 0}, {KeptLayer::all(2, true)}).value();
    const size_t place = layout.values(0, 0).numbers;
    CpuKeptBuilder builder(std::move(layout));
    auto* values = reinterpret_cast<float*>(builder.at(place));
    std::fill_n(values, 2 * width, 1.0f);
    values[3] = bad;
    const auto whole = std::move(builder).finish();
    for (const KeptType type : {KeptType::kBfloat16, KeptType::kInt8}) {
      const std::vector<float> kept = whole->reduced({type, {}}, {})->values(0, 0);
      EXPECT_FALSE(std::isfinite(kept[3]));
      EXPECT_NEAR(kept[static_cast<size_t>(width)], 1.0f, 1e-6) << "the next token is as it was";
    }
  }
}

TEST(KeyTiles, EveryTableDecodesTheSameBits) {
  for (const int64_t width : {2, 16, 24, 64, 80, 128}) {
    for (const int64_t tokens : {1, 16, 17, 64, 100, 129}) {
      const auto whole = random_kept(tokens, 1, width, 1, false, static_cast<uint64_t>(tokens));
      for (const KeptType type : {KeptType::kFloat32, KeptType::kBfloat16, KeptType::kInt8}) {
        const auto kept = std::dynamic_pointer_cast<const CpuKeptSegment>(whole->reduced({type, {}}, {}));
        const KeyBlock block = kept->block(0, 0);
        for (int64_t first = 0; first < tokens; first += kKeyTile) {
          const auto size = static_cast<size_t>(kKeyTile * padded_width(width));
          std::vector<float> expected(2 * size, 7.0f);
          const KernelTable& definition = *available_kernels().front();
          definition.decode_keys(block, first, width, expected.data());
          definition.decode_values(block, first, width, expected.data() + size);
          for (const KernelTable* table : available_kernels()) {
            std::vector<float> decoded(2 * size, 7.0f);
            table->decode_keys(block, first, width, decoded.data());
            table->decode_values(block, first, width, decoded.data() + size);
            EXPECT_EQ(decoded, expected) << table->name << " D " << width << " tokens " << tokens;
          }
        }
      }
    }
  }
}

// A prefix in fp32, a narrow passage, an fp32 one, and the rows' own keys.
TEST(KeyTiles, AttentionReadsThemAsTheNumbersTheyStandFor) {
  for (const int64_t width : {24, 64}) {
    for (const KeptType type : {KeptType::kBfloat16, KeptType::kInt8}) {
      const int64_t rows = 9;
      const auto prefix = random_kept(7, 1, width, 1, false, 2);
      const auto unrounded = random_kept(75, 1, width, 1, false, 3);
      const auto first = std::dynamic_pointer_cast<const CpuKeptSegment>(unrounded->reduced({type, {}}, {}));
      const auto second = random_kept(64, 1, width, 1, false, 4);
      const auto own = random_kept(rows, 1, width, 1, false, 5);
      const Expanded expanded(first->block(0, 0), width, true);
      std::vector<float> queries(static_cast<size_t>(rows * width));
      std::mt19937_64 random(6);
      std::normal_distribution<float> number(0.0f, 0.2f);
      for (float& query : queries) query = number(random);
      const auto run = [&](const KernelTable& table, KeyBlock narrow) {
        std::vector<KeyBlock> context{prefix->block(0, 0), narrow, second->block(0, 0)};
        int64_t place = 0;
        for (KeyBlock& block : context) {
          block.place = place;
          place += stored_keys(block.count);
        }
        Visibility visible{context, own->block(0, 0), 0};
        visible.own.place = place;
        place += stored_keys(rows);
        Floats scratch(static_cast<size_t>(std::max(attend_scratch(width), read_scratch(width, place))));
        std::vector<float> out(static_cast<size_t>(rows * width + place), 0.0f);
        const QueryRows part{rows, 0, visible.context, visible.own};
        table.attend({queries.data(), width, 1, {}, {}, {&part, 1}, out.data(), scratch.data()});
        table.read(
            {queries.data(), width, rows, width, {}, visible, out.data() + rows * width, scratch.data()});
        return out;
      };
      for (const KernelTable* table : available_kernels()) {
        EXPECT_EQ(run(*table, first->block(0, 0)), run(*table, expanded.block)) << table->name;
        EXPECT_NE(run(*table, first->block(0, 0)), run(*table, unrounded->block(0, 0))) << table->name;
      }
    }
  }
}

// Attention over what is kept of a passage, against plain loops in double over the whole of it in which the
// other tokens are hidden.
TEST(KeyTiles, TokensThatAreNotKeptAreHidden) {
  const int64_t width = 24;
  const auto n = static_cast<size_t>(width);
  const int64_t tokens = 150;
  const auto whole = random_kept(tokens, 1, width, 1, false, 7);
  const auto own = random_kept(1, 1, width, 1, false, 8);
  std::vector<float> query(n);
  std::mt19937_64 random(9);
  std::normal_distribution<float> number(0.0f, 0.3f);
  for (float& value : query) value = number(random);
  for (const BudgetTokens rule : {BudgetTokens::kEvery, BudgetTokens::kNorm}) {
    const auto some = std::dynamic_pointer_cast<const CpuKeptSegment>(
        whole->reduced({KeptType::kFloat32, {0.3f}, rule}, {}));
    const std::vector<int32_t>& kept = some->layer(0).kept;
    ASSERT_EQ(kept.size(), 45u);
    std::vector<float> keys = whole->keys(0, 0);
    std::vector<float> values = whole->values(0, 0);
    const std::vector<float> own_keys = own->keys(0, 0);
    const std::vector<float> own_values = own->values(0, 0);
    keys.insert(keys.end(), own_keys.begin(), own_keys.end());
    values.insert(values.end(), own_values.begin(), own_values.end());
    std::vector<double> terms;
    double total = 0.0;
    for (int32_t token = 0; token <= tokens; ++token) {
      double logit = 0.0;
      for (size_t d = 0; d < n; ++d) logit += double{query[d]} * keys[static_cast<size_t>(token) * n + d];
      const bool seen = token == tokens || std::binary_search(kept.begin(), kept.end(), token);
      terms.push_back(seen ? std::exp(logit) : 0.0);
      total += terms.back();
    }
    const KeyBlock context = some->block(0, 0);
    Visibility visible{{&context, 1}, own->block(0, 0), 0};
    visible.own.place = stored_keys(context.count);
    for (const KernelTable* table : available_kernels()) {
      const int64_t room = visible.own.place + kKeyGrain;
      Floats scratch(static_cast<size_t>(std::max(attend_scratch(width), read_scratch(width, room))));
      std::vector<float> out(n);
      std::vector<float> sums(static_cast<size_t>(room), 0.0f);
      const QueryRows part{1, 0, visible.context, visible.own};
      table->attend({query.data(), width, 1, {}, {}, {&part, 1}, out.data(), scratch.data()});
      table->read({query.data(), width, 1, width, {}, visible, sums.data(), scratch.data()});
      for (size_t d = 0; d < n; ++d) {
        double expected = 0.0;
        for (size_t token = 0; token < terms.size(); ++token) {
          expected += terms[token] / total * values[token * n + d];
        }
        EXPECT_NEAR(out[d], expected, 2e-6) << table->name;
      }
      for (size_t i = 0; i < kept.size(); ++i) {
        EXPECT_NEAR(sums[i], terms[static_cast<size_t>(kept[i])] / total, 1e-6) << table->name;
      }
    }
  }
}

}  // namespace
}  // namespace headwise::kernels
