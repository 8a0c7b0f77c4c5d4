// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: a pool that runs numbered tasks. Each task writes its own output, and what it
// computes does not depend on how the work was cut: that is what makes results the same bits at any thread
// count.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

namespace headwise {

class ThreadPool {
 public:
  // `threads` >= 1 counts the calling thread; 0 takes the number of usable cores.
  explicit ThreadPool(int threads);
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;
  ~ThreadPool();

  int size() const;
  // Runs task(i, worker) once for each i in [0, tasks), worker in [0, size()); returns when all are done. The
  // caller works too. One parallel_for at a time per pool; a concurrent caller waits for its turn. Tasks must
  // not throw.
  void parallel_for(int64_t tasks, const std::function<void(int64_t task, int worker)>& task);

 private:
  class State;
  std::unique_ptr<State> state_;
};

// Cores this process may use (affinity and cgroup quota counted), at least 1.
int usable_cores();

}  // namespace headwise
