// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "serve/job_queue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace headwise::serve {
namespace {

class TestJob : public Job {
 public:
  TestJob(int64_t tokens, std::string group) : tokens_(tokens), group_(std::move(group)) {}
  int64_t tokens() const override { return tokens_; }
  const std::string& group() const override { return group_; }
  bool abandoned() const override { return gone; }
  void drop() override { ++drops; }

  std::atomic<bool> gone{false};
  std::atomic<int> drops{0};

 private:
  int64_t tokens_;
  std::string group_;
};

std::shared_ptr<TestJob> job(int64_t tokens, const char* group = "") {
  return std::make_shared<TestJob>(tokens, group);
}

using Admission = JobQueue::Admission;

TEST(JobQueue, IsBoundedInRequests) {
  JobQueue queue({.requests = 2, .tokens = 1000, .batch_tokens = 10});
  EXPECT_EQ(queue.put(job(1)), Admission::kTaken);
  EXPECT_EQ(queue.put(job(1)), Admission::kTaken);
  EXPECT_EQ(queue.put(job(1)), Admission::kFull);
  EXPECT_EQ(queue.next_batch().size(), 2U);
  EXPECT_EQ(queue.put(job(1)), Admission::kTaken);  // what runs does not wait
}

TEST(JobQueue, IsBoundedInTokensButTakesOneOfAnySize) {
  JobQueue queue({.requests = 9, .tokens = 100, .batch_tokens = 10});
  EXPECT_EQ(queue.put(job(5000)), Admission::kTaken);
  EXPECT_EQ(queue.put(job(1)), Admission::kFull);
  EXPECT_EQ(queue.next_batch().size(), 1U);
  EXPECT_EQ(queue.put(job(60)), Admission::kTaken);
  EXPECT_EQ(queue.put(job(41)), Admission::kFull);
  EXPECT_EQ(queue.put(job(40)), Admission::kTaken);
}

TEST(JobQueue, BatchesBySettingsAndTokensOldestFirst) {
  JobQueue queue({.requests = 9, .tokens = 1000, .batch_tokens = 10});
  const auto a1 = job(4, "a"), b1 = job(1, "b"), a2 = job(4, "a"), a3 = job(4, "a"), a4 = job(2, "a");
  for (const auto& one : {a1, b1, a2, a3, a4}) ASSERT_EQ(queue.put(one), Admission::kTaken);
  using Batch = std::vector<std::shared_ptr<Job>>;
  EXPECT_EQ(queue.next_batch(), (Batch{a1, a2, a4}));  // a3 would be one too many; a4 still fits
  EXPECT_EQ(queue.next_batch(), (Batch{b1}));          // the oldest leads, whatever it wants
  EXPECT_EQ(queue.next_batch(), (Batch{a3}));
  EXPECT_EQ(queue.load().running, 5U);
  EXPECT_EQ(queue.load().tokens, 15);
  for (const auto& one : {a1, b1, a2, a3, a4}) queue.done(*one);
  EXPECT_EQ(queue.load().running, 0U);
  EXPECT_EQ(queue.load().tokens, 0);
}

TEST(JobQueue, AbandonedWorkMakesRoomAndIsNeverHandedOut) {
  JobQueue queue({.requests = 2, .tokens = 1000, .batch_tokens = 10});
  const auto first = job(1), second = job(1), third = job(1);
  queue.put(first);
  queue.put(second);
  first->gone = true;
  EXPECT_EQ(queue.put(third), Admission::kTaken);
  EXPECT_EQ(first->drops, 1);
  second->gone = true;
  const auto batch = queue.next_batch();
  ASSERT_EQ(batch.size(), 1U);
  EXPECT_EQ(batch.front(), third);
  EXPECT_EQ(second->drops, 1);
  EXPECT_EQ(third->drops, 0);
  EXPECT_EQ(queue.load().abandoned, 2U);
}

TEST(JobQueue, ClosedItHandsOutWhatItHas) {
  JobQueue queue({});
  queue.put(job(1));
  queue.close();
  EXPECT_EQ(queue.put(job(1)), Admission::kClosed);
  EXPECT_EQ(queue.next_batch().size(), 1U);
  EXPECT_TRUE(queue.next_batch().empty());
}

TEST(JobQueue, ClearDropsWhatWaits) {
  JobQueue queue({});
  const auto waiting = job(3);
  queue.put(waiting);
  queue.clear();
  EXPECT_EQ(waiting->drops, 1);
  EXPECT_EQ(queue.load().waiting, 0U);
  EXPECT_EQ(queue.load().tokens, 0);
}

TEST(JobQueue, LosesNothingBetweenThreads) {
  JobQueue queue({.requests = 8, .tokens = 1 << 20, .batch_tokens = 3});
  std::atomic<int> taken{0}, refused{0};
  int handed_out = 0;
  std::thread consumer([&] {
    for (;;) {
      const auto batch = queue.next_batch();
      if (batch.empty()) return;
      handed_out += static_cast<int>(batch.size());
      for (const auto& one : batch) queue.done(*one);
    }
  });
  std::vector<std::thread> producers;
  for (int t = 0; t < 4; ++t) {
    producers.emplace_back([&] {
      for (int i = 0; i < 500; ++i) (queue.put(job(1)) == Admission::kTaken ? taken : refused)++;
    });
  }
  for (std::thread& producer : producers) producer.join();
  queue.close();
  consumer.join();
  EXPECT_EQ(taken + refused, 2000);
  EXPECT_EQ(handed_out, taken);
  EXPECT_EQ(queue.load().tokens, 0);
}

}  // namespace
}  // namespace headwise::serve
