// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "base/threads.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <exception>
#include <fstream>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace headwise {
namespace {

// Threads look for work this long before they sleep. Between the phases of a pass they then never do: a
// woken thread may be put on its waker's core, where it waits milliseconds for the next scheduler tick.
constexpr std::chrono::microseconds kSpin{200};

// True as soon as `ready` is; false when the time is up. Gives the core away to whoever wants it.
template <typename Ready>
bool spin_until(const Ready& ready) {
  const auto end = std::chrono::steady_clock::now() + kSpin;
  do {
    for (int i = 0; i < 32; ++i) {
      if (ready()) return true;
      std::this_thread::yield();
    }
  } while (std::chrono::steady_clock::now() < end);
  return false;
}

}  // namespace

class ThreadPool::State {
 public:
  explicit State(int threads) : size_(threads) {
    for (int worker = 1; worker < threads; ++worker) {
      workers_.emplace_back([this, worker] { work(worker); });
    }
  }

  ~State() {
    {
      std::lock_guard lock(mutex_);
      closing_ = true;
    }
    wake_.notify_all();
    for (std::thread& thread : workers_) thread.join();
  }

  int size() const { return size_; }

  void run(int64_t tasks, const std::function<void(int64_t, int)>& task) {
    std::lock_guard one_caller(caller_mutex_);
    if (size_ == 1 || tasks <= 1) {
      for (int64_t i = 0; i < tasks; ++i) task(i, 0);
      return;
    }
    {
      std::lock_guard lock(mutex_);
      task_ = &task;
      tasks_ = tasks;
      next_.store(0, std::memory_order_relaxed);
      busy_ = size_ - 1;
      ++generation_;
    }
    wake_.notify_all();
    drain(task, tasks, 0);
    spin_until([this] { return busy_.load(std::memory_order_acquire) == 0; });
    std::unique_lock lock(mutex_);
    idle_.wait(lock, [this] { return busy_ == 0; });
    task_ = nullptr;
    if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
  }

 private:
  void drain(const std::function<void(int64_t, int)>& task, int64_t tasks, int worker) {
    try {
      for (int64_t i = next_.fetch_add(1); i < tasks; i = next_.fetch_add(1)) task(i, worker);
    } catch (...) {
      next_.store(tasks);  // the others stop at their next task
      std::lock_guard lock(mutex_);
      if (!failure_) failure_ = std::current_exception();
    }
  }

  void work(int worker) {
    uint64_t seen = 0;
    for (;;) {
      const std::function<void(int64_t, int)>* task = nullptr;
      int64_t tasks = 0;
      spin_until([&] { return generation_.load(std::memory_order_acquire) != seen; });
      {
        std::unique_lock lock(mutex_);
        wake_.wait(lock, [&] { return closing_ || generation_ != seen; });
        if (closing_) return;
        seen = generation_;
        task = task_;
        tasks = tasks_;
      }
      drain(*task, tasks, worker);
      std::lock_guard lock(mutex_);
      if (--busy_ == 0) idle_.notify_one();
    }
  }

  const int size_;
  std::vector<std::thread> workers_;
  std::mutex caller_mutex_;  // one parallel_for at a time
  std::mutex mutex_;         // guards what follows
  std::condition_variable wake_;
  std::condition_variable idle_;
  const std::function<void(int64_t, int)>* task_ = nullptr;
  int64_t tasks_ = 0;
  std::atomic<int64_t> next_{0};
  // Changed under the mutex only; read without it while spinning.
  std::atomic<int> busy_{0};
  std::atomic<uint64_t> generation_{0};
  bool closing_ = false;
  std::exception_ptr failure_;
};

ThreadPool::ThreadPool(int threads)
    : state_(std::make_unique<State>(std::clamp(threads == 0 ? usable_cores() : threads, 1, 1024))) {}
ThreadPool::~ThreadPool() = default;
int ThreadPool::size() const { return state_->size(); }
void ThreadPool::parallel_for(int64_t tasks, const std::function<void(int64_t, int)>& task) {
  state_->run(tasks, task);
}

int usable_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  int cores = sched_getaffinity(0, sizeof set, &set) == 0
                  ? CPU_COUNT(&set)
                  : static_cast<int>(std::thread::hardware_concurrency());
  // A container's quota (cgroup v2) counts: more threads than quota only get throttled.
  std::ifstream quota_file("/sys/fs/cgroup/cpu.max");
  std::string quota;
  double period = 0;
  if (quota_file >> quota >> period && quota != "max" && period > 0) {
    cores = std::min(cores, static_cast<int>(std::ceil(std::stod(quota) / period)));
  }
  return std::max(cores, 1);
}

}  // namespace headwise
