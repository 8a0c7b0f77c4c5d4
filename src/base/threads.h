// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: numbered tasks on worker threads. Each task writes its own output, and what it computes
// does not depend on how the work was cut: that is what makes results the same bits at any thread count.
//
// All ThreadPools of a process share its worker threads (base/workers.h), at most as many as the cores or the
// largest pool has, less one for the caller; a pool only says how many of them it may have at once. Eight
// engines therefore own no more threads than one. Thread rule: any number of callers at a time; each works
// itself, with the workers that nobody else has just then.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

namespace headwise {

class Workers;

class ThreadPool {
 public:
  // `threads` >= 1 counts the calling thread; 0 takes the number of usable cores.
  explicit ThreadPool(int threads);
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;
  ~ThreadPool();

  int size() const { return size_; }
  // Runs task(i, worker) once for each i in [0, tasks), worker in [0, size()); returns when all are done. The
  // caller works too, as worker 0. What a task throws is thrown here, once the others have stopped.
  void parallel_for(int64_t tasks, const std::function<void(int64_t task, int worker)>& task);

 private:
  int size_;
  std::shared_ptr<Workers> workers_;  // null for one thread
};

// Cores this process may use (affinity and cgroup quota counted), at least 1.
int usable_cores();

}  // namespace headwise
