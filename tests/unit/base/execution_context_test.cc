// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "base/execution_context.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace headwise {
namespace {

struct Rows {
  std::vector<float> values;
};
struct Marks {
  int count = 0;
};

TEST(ExecutionContext, ScratchIsOfThePassNotOfTheEngine) {
  ExecutionContext context;
  const Rows* first = nullptr;
  {
    auto rows = context.lease<Rows>();
    rows->values.assign(5, 1.0f);
    first = &*rows;
  }
  auto again = context.lease<Rows>();
  EXPECT_EQ(&*again, first) << "what one pass gave back the next one has";
  EXPECT_EQ(again->values.size(), 5u);
  auto beside = context.lease<Rows>();
  EXPECT_NE(&*beside, first) << "two passes at once have each their own";
  EXPECT_TRUE(beside->values.empty());
  EXPECT_EQ(context.lease<Marks>()->count, 0) << "each type by itself";
}

TEST(ExecutionContext, LeasesFromManyThreads) {
  ExecutionContext context;
  std::vector<std::thread> passes;
  for (int pass = 0; pass < 4; ++pass) {
    passes.emplace_back([&] {
      for (int round = 0; round < 500; ++round) ++context.lease<Marks>()->count;
    });
  }
  for (std::thread& pass : passes) pass.join();
  int total = 0;
  std::vector<ExecutionContext::Lease<Marks>> all;
  for (int i = 0; i < 4; ++i) total += all.emplace_back(context.lease<Marks>())->count;
  EXPECT_EQ(total, 4 * 500);
}

TEST(ExecutionContext, TheProcessHasOneWhileItIsUsed) {
  const auto one = ExecutionContext::of_process();
  EXPECT_EQ(one, ExecutionContext::of_process());
}

}  // namespace
}  // namespace headwise
