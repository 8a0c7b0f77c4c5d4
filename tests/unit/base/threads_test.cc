// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "base/threads.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <memory>
#include <new>
#include <thread>
#include <vector>

namespace headwise {
namespace {

TEST(ThreadPool, RunsEveryTaskOnce) {
  for (int threads : {1, 2, 3, 8}) {
    ThreadPool pool(threads);
    ASSERT_EQ(pool.size(), threads);
    for (int64_t tasks : {0, 1, 2, 7, 1000}) {
      std::vector<std::atomic<int>> seen(static_cast<size_t>(tasks));
      pool.parallel_for(tasks, [&](int64_t task, int worker) {
        EXPECT_GE(worker, 0);
        EXPECT_LT(worker, threads);
        ++seen[static_cast<size_t>(task)];
      });
      for (const auto& count : seen) EXPECT_EQ(count.load(), 1);
    }
  }
}

TEST(ThreadPool, HandsExceptionsToTheCaller) {
  for (int threads : {1, 2, 3}) {
    ThreadPool pool(threads);
    EXPECT_THROW(pool.parallel_for(100,
                                   [](int64_t task, int) {
                                     if (task == 37) throw std::bad_alloc();
                                   }),
                 std::bad_alloc);
    std::atomic<int> runs{0};
    pool.parallel_for(10, [&](int64_t, int) { ++runs; });
    EXPECT_EQ(runs.load(), 10) << "the pool works on";
  }
}

// Callers at once, of one pool and of several: a worker's scratch is never two tasks' at a time.
TEST(ThreadPool, CallersAtOnce) {
  ThreadPool shared(2);
  std::atomic<int64_t> sum{0};
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 6; ++caller) {
    callers.emplace_back([&, caller] {
      ThreadPool own(3);
      ThreadPool& pool = caller % 2 == 0 ? shared : own;
      for (int round = 0; round < 200; ++round) {
        std::vector<int> scratch(static_cast<size_t>(pool.size()));
        pool.parallel_for(5, [&](int64_t task, int worker) {
          scratch[static_cast<size_t>(worker)] += static_cast<int>(task);
        });
        for (const int part : scratch) sum += part;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(sum.load(), 6 * 200 * 10);
}

TEST(ThreadPool, ATaskMayHaveTasks) {
  ThreadPool outer(3);
  std::atomic<int> runs{0};
  outer.parallel_for(4, [&](int64_t, int) {
    ThreadPool inner(3);
    inner.parallel_for(5, [&](int64_t, int) { ++runs; });
  });
  EXPECT_EQ(runs.load(), 20);
}

int threads_of_process() {
  int threads = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) ++threads;
  return threads;
}

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

TEST(ThreadPool, EightPoolsHaveTheThreadsOfOne) {
  constexpr int kThreads = 3;
  const int before = threads_of_process();
  {
    std::vector<std::unique_ptr<ThreadPool>> pools;
    for (int i = 0; i < 8; ++i) pools.push_back(std::make_unique<ThreadPool>(kThreads));
    EXPECT_EQ(threads_of_process(), before) << "nothing runs before there is work";
    for (const auto& pool : pools) {
      std::atomic<int> runs{0};
      pool->parallel_for(50, [&](int64_t, int) { ++runs; });
      EXPECT_EQ(runs.load(), 50);
    }
    EXPECT_LE(threads_of_process(), before + std::max(kThreads, usable_cores()) - 1);
    EXPECT_GT(threads_of_process(), before);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));  // past the time that they look for work
    const double used = cpu_seconds();
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    EXPECT_LT(cpu_seconds() - used, 0.03) << "idle workers sleep";
  }
  EXPECT_EQ(threads_of_process(), before) << "they end with the last pool";
}

#if !defined(__SANITIZE_THREAD__)  // whose runtime lets no child of fork() start threads
TEST(ThreadPool, WorksInAForkedChild) {
  ThreadPool pool(3);
  std::atomic<int> runs{0};
  pool.parallel_for(50, [&](int64_t, int) { ++runs; });
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    alarm(20);
    std::atomic<int> in_child{0};
    pool.parallel_for(50, [&](int64_t, int) { ++in_child; });
    {
      ThreadPool made_here(3);
      made_here.parallel_for(50, [&](int64_t, int) { ++in_child; });
    }
    _exit(in_child.load() == 100 ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
}
#endif

}  // namespace
}  // namespace headwise
