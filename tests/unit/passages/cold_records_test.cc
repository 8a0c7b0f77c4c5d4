// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Records that are on disk and not in the page cache: read while they are used, right to the byte, damaged
// ones denied, and nobody waits for what does not come.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <thread>
#include <vector>

#include "base/file.h"
#include "passages/file_descriptor.h"
#include "support/made_up_store.h"

namespace headwise::testing {
namespace {

constexpr int kPassages = 24;

class ColdRecordsTest : public StoreTest {
 protected:
  void SetUp() override {
    StoreTest::SetUp();
    // Of less than a page, of a page to the byte, of one piece, of several and of the most.
    constexpr size_t kBytes[] = {100, 4096 - 64 - 64 - 64, 200'000, 1'000'001, 3'000'000};
    const auto store = open(0, 8 << 20);
    for (int number = 0; number < kPassages; ++number) {
      passages.push_back(std::make_unique<MadeUpPassage>(number, kBytes[number % std::size(kBytes)]));
      put(*store, *passages.back());
      slots.push_back(passages.back()->slot);
    }
  }

  // No store may have the files open.
  void drop_from_page_cache() const {
    for (const auto& path : segment_files()) {
      const FileDescriptor file(::open(path.c_str(), O_RDONLY));
      ASSERT_EQ(::fdatasync(file.get()), 0);
      ASSERT_EQ(::posix_fadvise(file.get(), 0, 0, POSIX_FADV_DONTNEED), 0);
    }
  }
  bool resident() const {
    bool all = true;
    for (const auto& path : segment_files()) {
      const auto file = SegmentFile::open(path, 0);
      const auto pages = static_cast<uint32_t>((*file)->size() / kPlacePage);
      all = all && (*file)->resident({1, 0, pages});
    }
    return all;
  }
  int right(const std::vector<KeptPtr>& found) const {
    int right = 0;
    for (size_t i = 0; i < found.size(); ++i) {
      if (found[i] == nullptr || !found[i]->intact()) continue;
      EXPECT_TRUE(FakeSegment::right(*found[i], slots[i].tokens)) << "passage " << i;
      ++right;
    }
    return right;
  }

  std::vector<std::unique_ptr<MadeUpPassage>> passages;
  std::vector<KeptSlot> slots;
};

TEST_F(ColdRecordsTest, AreReadPastThePageCacheAndThenThroughIt) {
  drop_from_page_cache();
  if (resident()) GTEST_SKIP() << "this file system keeps what it is told to drop";
  const auto store = open(0, 8 << 20);
  EXPECT_EQ(right(store->get(slots)), kPassages);
  EXPECT_FALSE(resident()) << "read past the page cache";
  EXPECT_EQ(right(store->get(slots)), kPassages);
  EXPECT_TRUE(resident()) << "asked for again: through the page cache";
  EXPECT_EQ(right(store->get(slots)), kPassages);
  EXPECT_EQ(store->statistics().hits, 3U * kPassages);
  EXPECT_EQ(store->statistics().errors, 0U);
}

TEST_F(ColdRecordsTest, AskedForByMany) {
  drop_from_page_cache();
  const auto store = open(0, 8 << 20);
  std::vector<std::thread> askers;
  for (int asker = 0; asker < 4; ++asker) {
    askers.emplace_back([&] {
      for (int round = 0; round < 3; ++round) EXPECT_EQ(right(store->get(slots)), kPassages);
    });
  }
  for (std::thread& asker : askers) asker.join();
}

TEST_F(ColdRecordsTest, OtherBytesAreDeniedAndForgotten) {
  const auto path = segment_files().front();
  std::string bytes = *read_text_file(path);
  bytes[bytes.size() / 2] ^= 4;
  std::ofstream(path, std::ios::binary) << bytes;
  drop_from_page_cache();
  const auto store = open(0, 8 << 20);
  EXPECT_EQ(right(store->get(slots)), kPassages - 1);
  const auto again = store->get(slots);
  EXPECT_EQ(std::ranges::count(again, nullptr), 1);
  EXPECT_EQ(right(again), kPassages - 1);
}

TEST_F(ColdRecordsTest, OfAFileThatWasCut) {
  drop_from_page_cache();
  const auto store = open(0, 8 << 20);
  const auto path = segment_files().front();
  std::filesystem::resize_file(path, std::filesystem::file_size(path) / 2);
  const int there = right(store->get(slots));
  EXPECT_GT(there, 0);
  EXPECT_LT(there, kPassages);
}

// What is not read any more is denied.
TEST_F(ColdRecordsTest, OutliveTheirStore) {
  for (int round = 0; round < 5; ++round) {
    drop_from_page_cache();
    auto store = open(0, 8 << 20);
    const auto found = store->get(slots);
    store.reset();
    EXPECT_LE(right(found), kPassages);
  }
}

}  // namespace
}  // namespace headwise::testing
