// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Images of kept segments: what is written is read, in place; anything else is refused and never read beyond.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "support/kept_segments.h"

namespace headwise {
namespace {

using Bytes = AlignedBuffer<std::byte>;

std::shared_ptr<Bytes> copy_of(std::span<const std::byte> image) {
  auto copy = std::make_shared<Bytes>(image.size() + 1);
  std::memcpy(copy->data(), image.data(), image.size());
  return copy;
}

Result<std::shared_ptr<const KeptSegment>> read(const std::shared_ptr<Bytes>& bytes, size_t size) {
  return read_kept_segment({bytes->data(), size}, held(bytes));
}

// Everything that can be asked of it.
void use(const KeptSegment& kept, int kv_heads) {
  size_t numbers = 0;
  for (int layer = 0; layer < kept.layers(); ++layer) {
    for (int head = 0; head < kv_heads; ++head) {
      numbers += kept.keys(layer, head).size() + kept.values(layer, head).size();
    }
  }
  EXPECT_LE(numbers, kept.bytes());  // at least a byte a number
}

void expect_same(const KeptSegment& one, const KeptSegment& other, int kv_heads) {
  ASSERT_EQ(one.tokens(), other.tokens());
  ASSERT_EQ(one.first_position(), other.first_position());
  ASSERT_EQ(one.layers(), other.layers());
  ASSERT_EQ(one.bytes(), other.bytes());
  for (int layer = 0; layer < one.layers(); ++layer) {
    for (int head = 0; head < kv_heads; ++head) {
      EXPECT_EQ(one.keys(layer, head), other.keys(layer, head)) << layer;
      EXPECT_EQ(one.values(layer, head), other.values(layer, head)) << layer;
    }
  }
}

TEST(KeptImage, IsReadWhereItStands) {
  for (const int64_t tokens : {1, 15, 16, 17, 63, 64, 65, 130}) {
    for (const KeptType type : {KeptType::kFloat32, KeptType::kBfloat16, KeptType::kInt8}) {
      for (const float share : {1.0f, 0.25f, 0.0f}) {
        const auto whole = random_kept(tokens, 3, 8, 2, true, 5);
        const auto kept = whole->reduced({type, {1.0f, share, 0.5f}}, {});
        const std::shared_ptr<Bytes> bytes = copy_of(kept->image());
        const auto again = read(bytes, kept->bytes());
        ASSERT_TRUE(again) << again.error().to_string();
        expect_same(*kept, **again, 2);
        EXPECT_EQ((*again)->image().data(), bytes->data());
        EXPECT_EQ(kept->bytes() % 64, 0u);
        // The deepest layer has no values; a layer without tokens has nothing.
        EXPECT_TRUE(kept->values(2, 0).empty());
        EXPECT_EQ(kept->keys(1, 1).empty(), share == 0.0f);
      }
    }
  }
}

TEST(KeptImage, OwnerOutlivesReader) {
  const auto whole = random_kept(20, 2, 8, 2, false, 6);
  std::shared_ptr<const KeptSegment> again;
  {
    const std::shared_ptr<Bytes> bytes = copy_of(whole->image());
    again = read(bytes, whole->bytes()).value();
  }
  expect_same(*whole, *again, 2);
}

// An empty layer below a join costs its row of the table and nothing else.
TEST(KeptImage, NothingIsStoredOfEmptyLayers) {
  const auto whole = random_kept(100, 19, 64, 3, true, 7);
  std::vector<float> shares(19, 1.0f);
  std::fill_n(shares.begin(), 13, 0.0f);
  const auto joined = whole->reduced({KeptType::kFloat32, shares}, {});
  const size_t block = size_t{112} * 64 * 3 * sizeof(float);  // 100 keys in steps of 16
  EXPECT_EQ(whole->bytes(), 64 + (19 * 32 + 63) / 64 * 64 + 37 * block);
  EXPECT_EQ(joined->bytes(), 64 + (19 * 32 + 63) / 64 * 64 + 11 * block);
}

TEST(KeptImage, SaysWhatIsWrong) {
  const auto kept = random_kept(20, 2, 8, 2, false, 8)->reduced({KeptType::kFloat32, {0.5f, 0.5f}}, {});
  const auto message = [&](size_t size, const auto& change) {
    const std::shared_ptr<Bytes> bytes = copy_of(kept->image());
    change(bytes->data());
    const auto read_back = read(bytes, size);
    EXPECT_FALSE(read_back);
    return read_back ? std::string() : read_back.error().message();
  };
  const auto leave = [](std::byte*) {};
  EXPECT_EQ(message(63, leave), "kept keys and values are damaged: 63 bytes are no header; keep them anew");
  EXPECT_THAT(message(kept->bytes() - 64, leave), ::testing::HasSubstr("the header says "));
  const auto set = [](size_t place, int value) {
    return [=](std::byte* bytes) { bytes[place] = static_cast<std::byte>(value); };
  };
  EXPECT_THAT(message(kept->bytes(), set(0, 0)), ::testing::HasSubstr("do not begin as such"));
  EXPECT_THAT(message(kept->bytes(), set(8, 2)), ::testing::HasSubstr("of format 2, not 1"));
  EXPECT_THAT(message(kept->bytes(), set(12, 3)), ::testing::HasSubstr("type is unknown"));
  EXPECT_THAT(message(kept->bytes(), set(16, 9)), ::testing::HasSubstr("layers take"));
  EXPECT_THAT(message(kept->bytes(), set(24, 200)), ::testing::HasSubstr("more than fit"));
  EXPECT_THAT(message(kept->bytes(), set(64, 21)),
              ::testing::HasSubstr("layer 0 has numbers that are out of range"));
  EXPECT_THAT(message(kept->bytes(), set(128, 9)), ::testing::HasSubstr("layer 0 has tokens that are not"));
  const std::shared_ptr<Bytes> bytes = copy_of(kept->image());
  EXPECT_FALSE(read_kept_segment({bytes->data() + 1, kept->bytes()}, held(bytes)));
}

// Whatever the bytes are: refused, or an image all of which can be read.
TEST(KeptImage, AnyBytesAreRefusedOrWhole) {
  std::mt19937_64 random(9);
  const auto whole = random_kept(33, 4, 8, 2, true, 10);
  for (const KeptType type : {KeptType::kFloat32, KeptType::kBfloat16, KeptType::kInt8}) {
    const auto kept = whole->reduced({type, {1.0f, 0.25f, 0.0f, 0.5f}}, {});
    const std::span<const std::byte> image = kept->image();
    for (size_t size = 0; size < image.size(); size += size < 400 ? 1 : 61) {
      EXPECT_FALSE(read(copy_of(image.first(size)), size)) << size;
    }
    int refused = 0;
    for (int round = 0; round < 4000; ++round) {
      const std::shared_ptr<Bytes> bytes = copy_of(image);
      const size_t flips = 1 + random() % 3;
      for (size_t i = 0; i < flips; ++i) {
        // Mostly in header, table and lists.
        const size_t place = random() % (round % 8 == 0 ? image.size() : size_t{400});
        bytes->data()[place] ^= static_cast<std::byte>(1u << random() % 8);
      }
      const auto read_back = read(bytes, image.size());
      if (read_back) use(**read_back, 2);
      refused += read_back ? 0 : 1;
    }
    EXPECT_GT(refused, 1000);
  }
}

}  // namespace
}  // namespace headwise
