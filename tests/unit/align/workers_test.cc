// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "align/loop/workers.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

namespace headwise {
namespace {

constexpr int kPort = 29641;

// More than a store takes as one message (8 MiB with libtorch's own newer one), and no whole number of parts.
TEST(TrainingWorkers, MillionsOfValuesAreAddedUp) {
  constexpr size_t kValues = 3'000'001;
  const std::string text(9'000'001, 'x');
  const auto work = [&](int rank, std::vector<float>& values, std::string& bytes) {
    auto workers = TrainingWorkers::join({.count = 2, .rank = rank, .port = kPort});
    ASSERT_TRUE(workers) << workers.error().to_string();
    if (rank == 0) bytes = text;
    const auto shared = workers->share(bytes);
    ASSERT_TRUE(shared) << shared.error().to_string();
    for (int round = 0; round < 3; ++round) {
      const auto added = workers->add_up(values);
      ASSERT_TRUE(added) << added.error().to_string();
    }
    const auto left = workers->leave();
    ASSERT_TRUE(left) << left.error().to_string();
  };
  std::vector<float> first(kValues, 1.0f);
  std::vector<float> second(kValues, 2.0f);
  std::string first_bytes;
  std::string second_bytes;
  std::thread other([&] { work(1, second, second_bytes); });
  work(0, first, first_bytes);
  other.join();
  EXPECT_EQ(second_bytes, text);
  EXPECT_TRUE(std::ranges::all_of(first, [](float value) { return value == 12.0f; }));
  EXPECT_EQ(first, second);
}

}  // namespace
}  // namespace headwise
