// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "base/threads.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <string>
#include <thread>

#include "base/workers.h"

namespace headwise {

ThreadPool::ThreadPool(int threads)
    : size_(std::clamp(threads == 0 ? usable_cores() : threads, 1, 1024)),
      workers_(size_ > 1 ? Workers::of_process() : nullptr) {}
ThreadPool::~ThreadPool() = default;

void ThreadPool::parallel_for(int64_t tasks, const std::function<void(int64_t, int)>& task) {
  if (workers_) return workers_->run(size_, tasks, task);
  for (int64_t i = 0; i < tasks; ++i) task(i, 0);
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
