// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: made-up passages of one context, and a folder for a store of them that goes with its
// test.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "passages/passage_key.h"
#include "passages/passage_store.h"
#include "support/fake_segment.h"

namespace headwise::testing {

inline KeptContext made_up_context(const std::string& model = "made up") {
  KeptContext context;
  context.model = model;
  context.wording = "blocks";
  context.prefix = {5, 6, 7};
  context.decoder = {"cpu", "fp32", "scalar"};
  return context;
}

// Passage `number` with its tokens, key and a segment of made-up bytes.
struct MadeUpPassage {
  int number;
  std::vector<int32_t> tokens;
  KeptSlot slot;
  KeptPtr segment;

  explicit MadeUpPassage(int n, size_t bytes = 1000)
      : number(n),
        tokens(made_up_tokens(n)),
        slot{passage_key(made_up_context().digest(), tokens), tokens},
        segment(FakeSegment::make(tokens, bytes, 3)) {}
  MadeUpPassage(const MadeUpPassage&) = delete;
  MadeUpPassage& operator=(const MadeUpPassage&) = delete;
};

inline void put(PassageTier& tier, const MadeUpPassage& passage) {
  tier.put({&passage.slot, 1}, {&passage.segment, 1});
}
inline void put(PassageTier& tier, int number, size_t bytes = 1000) {
  put(tier, MadeUpPassage(number, bytes));
}

// Whether passage `number` is there; its bytes must then be right.
inline bool has(PassageTier& tier, int number) {
  const std::vector<int32_t> tokens = made_up_tokens(number);
  static const std::string digest = made_up_context().digest();
  const KeptSlot slot{passage_key(digest, tokens), tokens};
  const KeptPtr found = tier.get({&slot, 1})[0];
  if (found == nullptr) return false;
  if (!found->intact()) {
    EXPECT_EQ(tier.get({&slot, 1})[0], nullptr) << "passage " << number << " is damaged, and given again";
    return false;
  }
  EXPECT_TRUE(FakeSegment::right(*found, tokens)) << "passage " << number;
  return true;
}
inline int count(PassageTier& tier, int begin, int end) {
  int there = 0;
  for (int number = begin; number < end; ++number) there += has(tier, number) ? 1 : 0;
  return there;
}

class StoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    folder = std::filesystem::temp_directory_path() /
             ("headwise-" + std::string(test->name()) + "-" + std::to_string(::getpid()));
    std::filesystem::remove_all(folder);
  }
  void TearDown() override { std::filesystem::remove_all(folder); }

  static StoreOptions options(uint64_t bytes = 0, uint64_t segment_bytes = 0) {
    return {.bytes = bytes, .segment_bytes = segment_bytes, .reader = &FakeSegment::read};
  }
  std::shared_ptr<PassageStore> open(uint64_t bytes = 0, uint64_t segment_bytes = 0) const {
    auto store = PassageStore::open(folder, made_up_context(), options(bytes, segment_bytes));
    EXPECT_TRUE(store) << store.error().to_string();
    return store ? *store : nullptr;
  }
  // In bytes, by name.
  std::vector<std::filesystem::path> segment_files() const {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      if (entry.path().extension() == ".kept") files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    return files;
  }

  std::filesystem::path folder;
};

}  // namespace headwise::testing
