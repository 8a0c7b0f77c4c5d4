// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "base/workers.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <utility>

#include "base/threads.h"

namespace headwise {
namespace {

// Threads look for work this long before they sleep. Between the phases of a pass they then never do: a
// woken thread may be put on its waker's core, where it waits milliseconds for the next scheduler tick.
constexpr std::chrono::microseconds kSpin{200};

// Until `ready`, or the time is up. Gives the core away to whoever wants it.
template <typename Ready>
void spin_until(const Ready& ready) {
  const auto end = std::chrono::steady_clock::now() + kSpin;
  do {
    for (int i = 0; i < 32; ++i) {
      if (ready()) return;
      std::this_thread::yield();
    }
  } while (std::chrono::steady_clock::now() < end);
}

}  // namespace

// One call of run(), on its caller's stack.
struct Workers::Job {
  const Task& task;
  const int64_t tasks;
  std::atomic<int64_t> next{0};
  std::atomic<int> busy{0};  // workers on it; changed under the mutex only, read without it while spinning
  std::exception_ptr failure;
};

std::shared_ptr<Workers> Workers::of_process() {
  static std::mutex mutex;
  static std::weak_ptr<Workers> shared;
  const std::lock_guard lock(mutex);
  std::shared_ptr<Workers> workers = shared.lock();
  if (!workers || workers->forked()) shared = workers = std::make_shared<Workers>();
  return workers;
}

Workers::Workers() : owner_(::getpid()), cores_(usable_cores()) {}

Workers::~Workers() {
  if (forked()) {  // neither joined nor destroyed: there is nobody to wait for, and the waits would not end
    for (std::unique_ptr<Worker>& worker : workers_) static_cast<void>(worker.release());
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  for (const auto& worker : workers_) worker->wake.notify_one();
  for (const auto& worker : workers_) worker->thread.join();
}

bool Workers::forked() const { return ::getpid() != owner_; }

void Workers::run(int most, int64_t tasks, const Task& task) {
  if (most <= 1 || tasks <= 1 || forked()) {
    for (int64_t i = 0; i < tasks; ++i) task(i, 0);
    return;
  }
  Job job{.task = task, .tasks = tasks, .failure = nullptr};
  hand_out(job, static_cast<int>(std::min<int64_t>(most, tasks)) - 1);
  drain(job, 0);
  spin_until([&] { return job.busy.load(std::memory_order_acquire) == 0; });
  {
    std::unique_lock lock(mutex_);
    done_.wait(lock, [&] { return job.busy.load(std::memory_order_relaxed) == 0; });
  }
  if (job.failure) std::rethrow_exception(job.failure);
}

void Workers::hand_out(Job& job, int wanted) {
  const std::lock_guard lock(mutex_);
  const auto most = static_cast<size_t>(std::max(wanted, cores_ - 1));
  int place = 0;
  for (size_t i = 0; place < wanted; ++i) {
    if (i == workers_.size() && (i == most || !start_worker())) break;
    Worker& worker = *workers_[i];
    if (worker.job.load(std::memory_order_relaxed) != nullptr) continue;
    worker.place = ++place;
    job.busy.store(place, std::memory_order_relaxed);
    worker.job.store(&job, std::memory_order_release);
    worker.wake.notify_one();
  }
}

bool Workers::start_worker() {
  try {
    auto worker = std::make_unique<Worker>();
    workers_.reserve(workers_.size() + 1);
    worker->thread = std::thread([this, &self = *worker] { work(self); });
    workers_.push_back(std::move(worker));
  } catch (...) {  // no memory, no more threads: the job goes on with the workers there are
    return false;
  }
  return true;
}

void Workers::drain(Job& job, int place) {
  try {
    for (int64_t i = job.next.fetch_add(1); i < job.tasks; i = job.next.fetch_add(1)) job.task(i, place);
  } catch (...) {
    job.next.store(job.tasks);  // the others stop at their next task
    const std::lock_guard lock(mutex_);
    if (!job.failure) job.failure = std::current_exception();
  }
}

void Workers::work(Worker& self) {
  for (;;) {
    spin_until([&] { return self.job.load(std::memory_order_acquire) != nullptr; });
    Job* job = nullptr;
    int place = 0;
    {
      std::unique_lock lock(mutex_);
      self.wake.wait(lock, [&] { return closing_ || self.job.load(std::memory_order_relaxed) != nullptr; });
      job = self.job.load(std::memory_order_relaxed);
      if (job == nullptr) return;
      place = self.place;
    }
    drain(*job, place);
    // The job is gone as soon as its caller sees nobody busy and has had the lock.
    const std::lock_guard lock(mutex_);
    self.job.store(nullptr, std::memory_order_relaxed);
    if (job->busy.fetch_sub(1, std::memory_order_release) == 1) done_.notify_all();
  }
}

}  // namespace headwise
