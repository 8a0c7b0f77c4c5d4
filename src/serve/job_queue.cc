// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "serve/job_queue.h"

#include <utility>

namespace headwise::serve {

bool JobQueue::has_room(int64_t tokens) const {
  if (waiting_.empty()) return true;
  return waiting_.size() < limits_.requests && waiting_tokens_ + tokens <= limits_.tokens;
}

void JobQueue::drop_abandoned() {
  std::deque<std::shared_ptr<Job>> kept;
  for (std::shared_ptr<Job>& job : waiting_) {
    if (job->abandoned()) {
      ++abandoned_;
      job->drop();
      waiting_tokens_ -= job->tokens();
    } else {
      kept.push_back(std::move(job));
    }
  }
  waiting_ = std::move(kept);
}

JobQueue::Admission JobQueue::put(std::shared_ptr<Job> job) {
  const int64_t tokens = job->tokens();
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return Admission::kClosed;
    if (!has_room(tokens)) drop_abandoned();
    if (!has_room(tokens)) return Admission::kFull;
    waiting_tokens_ += tokens;
    waiting_.push_back(std::move(job));
  }
  filled_.notify_one();
  return Admission::kTaken;
}

std::vector<std::shared_ptr<Job>> JobQueue::next_batch() {
  std::unique_lock lock(mutex_);
  for (;;) {
    filled_.wait(lock, [this] { return closed_ || !waiting_.empty(); });
    drop_abandoned();
    if (!waiting_.empty()) break;
    if (closed_) return {};
  }
  std::vector<std::shared_ptr<Job>> batch;
  std::deque<std::shared_ptr<Job>> left;
  int64_t tokens = 0;
  for (std::shared_ptr<Job>& job : waiting_) {
    const bool joins = batch.empty() || (job->group() == batch.front()->group() &&
                                         tokens + job->tokens() <= limits_.batch_tokens);
    if (joins) {
      tokens += job->tokens();
      batch.push_back(std::move(job));
    } else {
      left.push_back(std::move(job));
    }
  }
  waiting_ = std::move(left);
  waiting_tokens_ -= tokens;
  running_tokens_ += tokens;
  running_ += batch.size();
  return batch;
}

void JobQueue::done(const Job& job) {
  const std::lock_guard lock(mutex_);
  running_tokens_ -= job.tokens();
  --running_;
}

void JobQueue::close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  filled_.notify_all();
}

void JobQueue::clear() {
  const std::lock_guard lock(mutex_);
  for (const std::shared_ptr<Job>& job : waiting_) job->drop();
  waiting_.clear();
  waiting_tokens_ = 0;
}

JobQueue::Load JobQueue::load() const {
  const std::lock_guard lock(mutex_);
  return {.waiting = waiting_.size(),
          .running = running_,
          .tokens = waiting_tokens_ + running_tokens_,
          .abandoned = abandoned_};
}

}  // namespace headwise::serve
