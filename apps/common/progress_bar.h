// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: progress on stderr. A bar with rate and time left when stderr is a terminal, a plain
// line now and then otherwise, nothing with --quiet.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "headwise/progress.h"

namespace headwise {

class ProgressBar : public ProgressSink {
 public:
  ProgressBar(std::string verb, bool quiet);
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;
  ~ProgressBar() override { finish(); }

  void advance(std::string_view what, int64_t done, int64_t total) override;
  bool stop_requested() const override;
  // What was done before this run (resumed work) does not count for the rate.
  void start_at(int64_t done) { first_ = done; }
  // Wipes the bar (or ends with a plain line when one was printed), so that results and errors stand on clean
  // lines.
  void finish();

 private:
  using Clock = std::chrono::steady_clock;
  std::string text(std::string_view what, int64_t done, int64_t total, bool bar) const;

  std::string verb_;
  bool quiet_;
  bool terminal_;
  Clock::time_point started_;
  Clock::time_point shown_;
  bool on_screen_ = false;
  int64_t first_ = 0;
};

// Passes the question "stop?" on and keeps the steps inside one query from the bar that counts queries.
class StopOnly : public ProgressSink {
 public:
  void advance(std::string_view, int64_t, int64_t) override {}
  bool stop_requested() const override;
};

}  // namespace headwise
