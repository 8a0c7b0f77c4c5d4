// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the worker threads of a process, started when a job first wants them and ended when the
// last ThreadPool goes. Several jobs run side by side: each takes the workers that are idle when it begins,
// its caller works on it in any case. Idle workers look for work for 200 us, then they sleep.
//
// Thread rule: run() from any thread, also from inside a task.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace headwise {

class Workers {
 public:
  using Task = std::function<void(int64_t task, int worker)>;

  // The same ones for whoever asks, as long as somebody holds them.
  static std::shared_ptr<Workers> of_process();
  Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;
  ~Workers();

  // Task i in [0, tasks) once each, on the caller (worker 0) and at most `most` - 1 workers.
  void run(int most, int64_t tasks, const Task& task);

 private:
  struct Job;
  struct Worker {
    std::atomic<Job*> job{nullptr};  // changed under the mutex only; read without it while spinning
    int place = 0;                   // what the job's tasks call it
    std::condition_variable wake;
    std::thread thread;
  };

  // The idle workers, new ones where there are too few, told of the job.
  void hand_out(Job& job, int wanted);
  bool start_worker();
  void work(Worker& self);
  void drain(Job& job, int place);
  // In a child of fork() the threads are gone.
  bool forked() const;

  const pid_t owner_;
  const int cores_;
  std::mutex mutex_;  // guards what follows, and the jobs' failures
  std::condition_variable done_;
  std::vector<std::unique_ptr<Worker>> workers_;
  bool closing_ = false;
};

}  // namespace headwise
