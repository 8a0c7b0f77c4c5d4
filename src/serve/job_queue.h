// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the bounded queue between connections and the engine. It thinks in tokens: what waits is
// bounded by their number as well as by that of requests, and it is handed out in batches of so many.
//
// A batch is the oldest request and those behind it that want the same settings, while the tokens last: the
// engine for these settings is set up once. Requests with other settings keep their place, and the oldest
// always leads the next batch, so none waits for ever. (One pass holds one request: on a CPU a single prompt
// fills the matrix products, and joining prompts would only make the first wait for the last.)
//
// Thread rule: all members from any thread.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace headwise::serve {

class Job {
 public:
  virtual ~Job() = default;
  virtual int64_t tokens() const = 0;
  virtual const std::string& group() const = 0;
  // Nobody waits for it any more.
  virtual bool abandoned() const = 0;
  // It will not be run. Called under the queue's lock.
  virtual void drop() = 0;
};

struct QueueLimits {
  size_t requests = 64;          // waiting
  int64_t tokens = 262144;       // waiting; one request alone may have more
  int64_t batch_tokens = 16384;  // of a batch; one request alone may have more
};

class JobQueue {
 public:
  explicit JobQueue(QueueLimits limits) : limits_(limits) {}

  enum class Admission { kTaken, kFull, kClosed };
  // When there is no room, abandoned jobs are thrown out first.
  Admission put(std::shared_ptr<Job> job);
  // Waits for work. Empty once the queue is closed and nothing is left. The batch counts as running until
  // done() is called for each of its jobs.
  std::vector<std::shared_ptr<Job>> next_batch();
  void done(const Job& job);

  // No more work is taken; what waits is still handed out.
  void close();
  // Drops all that waits.
  void clear();

  struct Load {
    size_t waiting = 0;
    size_t running = 0;
    int64_t tokens = 0;      // waiting and running
    uint64_t abandoned = 0;  // thrown out so far
  };
  Load load() const;
  const QueueLimits& limits() const { return limits_; }

 private:
  void drop_abandoned();
  bool has_room(int64_t tokens) const;

  const QueueLimits limits_;
  mutable std::mutex mutex_;
  std::condition_variable filled_;
  std::deque<std::shared_ptr<Job>> waiting_;
  int64_t waiting_tokens_ = 0;
  int64_t running_tokens_ = 0;
  size_t running_ = 0;
  uint64_t abandoned_ = 0;
  bool closed_ = false;
};

}  // namespace headwise::serve
