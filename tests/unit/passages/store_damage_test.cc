// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Files of a store with flipped bits, cut short, or full of other bytes: what is found is right, what is not
// found is kept again, and nothing crashes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <random>

#include "base/file.h"
#include "passages/index_check.h"
#include "support/made_up_store.h"

namespace headwise::testing {
namespace {

constexpr int kPassages = 150;

class StoreDamageTest : public StoreTest {
 protected:
  void SetUp() override {
    StoreTest::SetUp();
    const auto store = open(0, 128 << 10);
    for (int number = 0; number < kPassages; ++number) put(*store, number, 2000 + number * 17 % 5000);
    // The index has had deletions too: its free list is not empty.
    for (int number = kPassages; number < kPassages + 20; ++number) put(*store, number);
    pristine = folder;
    pristine += "-pristine";
  }
  void TearDown() override {
    StoreTest::TearDown();
    std::filesystem::remove_all(pristine);
  }

  // `damage` changes a file's bytes; afterwards the store is opened, read, filled up and read again.
  void damage_each_file(int rounds, const std::function<void(std::string&)>& damage) {
    std::filesystem::copy(folder, pristine, std::filesystem::copy_options::recursive);
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(pristine)) {
      names.push_back(entry.path().filename().string());
    }
    std::sort(names.begin(), names.end());
    ASSERT_GE(names.size(), 8U);
    for (const std::string& name : names) {
      for (int round = 0; round < rounds; ++round) {
        SCOPED_TRACE(name + ", round " + std::to_string(round));
        std::filesystem::remove_all(folder);
        std::filesystem::copy(pristine, folder, std::filesystem::copy_options::recursive);
        std::string bytes = *read_text_file(folder / name);
        damage(bytes);
        std::ofstream(folder / name, std::ios::binary) << bytes;
        read_and_fill(name);
        if (HasFailure()) return;
      }
    }
  }

  void read_and_fill(const std::string& name) {
    const auto store = open(0, 128 << 10);
    ASSERT_NE(store, nullptr);
    const auto check = store->verify(nullptr);
    ASSERT_TRUE(check) << check.error().to_string();
    const int there = count(*store, 0, kPassages + 20);  // each of them is right
    EXPECT_EQ(static_cast<uint64_t>(there), check->passages);
    if (name.ends_with(".kept")) {
      for (const StoreDamage& damage : check->damage) EXPECT_EQ(damage.segment, name);
      if (!check->damage.empty()) {
        EXPECT_THAT(store->statistics().last_error, ::testing::HasSubstr(name));
      }
    } else if (check->damage.empty()) {  // else a place or a key of the index was hit, and is named
      EXPECT_EQ(there, kPassages + 20) << "only the segments are needed";
    }
    for (int number = 0; number < kPassages + 20; ++number) put(*store, number, 2500);
    EXPECT_EQ(count(*store, 0, kPassages + 20), kPassages + 20) << store->statistics().last_error;
  }

  std::filesystem::path pristine;
  // Other damage with --gtest_shuffle --gtest_random_seed=N.
  std::mt19937 random{3U + static_cast<unsigned>(::testing::UnitTest::GetInstance()->random_seed())};
};

TEST_F(StoreDamageTest, ABitIsFlipped) {
  damage_each_file(25, [this](std::string& bytes) {
    if (bytes.empty()) return;
    bytes[random() % bytes.size()] ^= static_cast<char>(1 << random() % 8);
  });
}

TEST_F(StoreDamageTest, AFileIsCut) {
  damage_each_file(10,
                   [this](std::string& bytes) { bytes.resize(bytes.empty() ? 0 : random() % bytes.size()); });
}

TEST_F(StoreDamageTest, OtherBytesStandInIt) {
  damage_each_file(10, [this](std::string& bytes) {
    if (bytes.empty()) return;
    const size_t begin = random() % bytes.size();
    const size_t end = std::min<size_t>(bytes.size(), begin + 1 + random() % 9000);
    for (size_t i = begin; i < end; ++i) bytes[i] = static_cast<char>(random());
  });
}

TEST_F(StoreDamageTest, PagesAreSwapped) {
  damage_each_file(10, [this](std::string& bytes) {
    const size_t pages = bytes.size() / 4096;
    if (pages < 2) return;
    const size_t one = random() % pages, other = random() % pages;
    std::swap_ranges(bytes.begin() + one * 4096, bytes.begin() + (one + 1) * 4096,
                     bytes.begin() + other * 4096);
  });
}

// A bit of every byte of an index is flipped: refused, or nothing that LMDB follows was hit.
TEST_F(StoreDamageTest, EveryByteOfTheIndexIsLookedAt) {
  std::string bytes = *read_text_file(folder / "index.mdb");
  const auto refused = [&bytes] { return !check_index(std::as_bytes(std::span(bytes))); };
  ASSERT_FALSE(refused());
  int caught = 0;
  for (size_t at = 0; at < bytes.size(); ++at) {
    const char before = bytes[at];
    bytes[at] = static_cast<char>(before ^ (1 << at % 8));
    caught += refused() ? 1 : 0;
    bytes[at] = before;
  }
  EXPECT_GT(caught, 1000);
}

TEST_F(StoreDamageTest, AForeignIndexIsRefused) {
  for (const size_t length : {0, 100, 4096, 8192, 100000}) {
    for (const char byte : {'\0', 'x', '\xff'}) {
      const std::string bytes(length, byte);
      EXPECT_FALSE(check_index(std::as_bytes(std::span(bytes))));
    }
  }
}

}  // namespace
}  // namespace headwise::testing
