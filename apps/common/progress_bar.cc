// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "common/progress_bar.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>

#include "base/stopwatch.h"
#include "common/signals.h"

namespace headwise {
namespace {

constexpr std::chrono::milliseconds kBarInterval{100};
constexpr std::chrono::seconds kPlainInterval{10};
constexpr std::chrono::milliseconds kQuietStart{500};  // work shorter than this shows no bar at all
constexpr int64_t kBarColumns = 30;

std::string clock_text(double seconds) {
  const auto whole = std::llround(seconds);
  char text[32];
  if (whole >= 3600) {
    std::snprintf(text, sizeof text, "%lld:%02lld:%02lld", whole / 3600, whole / 60 % 60, whole % 60);
  } else {
    std::snprintf(text, sizeof text, "%lld:%02lld", whole / 60, whole % 60);
  }
  return text;
}

}  // namespace

ProgressBar::ProgressBar(std::string verb, bool quiet)
    : verb_(std::move(verb)),
      quiet_(quiet),
      terminal_(::isatty(STDERR_FILENO) == 1),
      started_(Clock::now()),
      shown_(started_) {}

std::string ProgressBar::text(std::string_view what, int64_t done, int64_t total, bool bar) const {
  std::string line;
  if (bar && total > 0) {
    const int64_t filled = std::clamp<int64_t>(done * kBarColumns / total, 0, kBarColumns);
    for (int64_t i = 0; i < kBarColumns; ++i) line += i < filled ? "█" : "░";
    line += " ";
  }
  line += std::to_string(done);
  if (total > 0) line += "/" + std::to_string(total);
  line += " " + std::string(what);
  const double elapsed = seconds_since(started_);
  const auto steps = static_cast<double>(done - first_);
  if (steps > 0 && elapsed > 0) {
    char rate[48];
    std::snprintf(rate, sizeof rate, ", %.3g/s", steps / elapsed);
    line += rate;
    if (total > done)
      line += ", " + clock_text(static_cast<double>(total - done) * elapsed / steps) + " left";
  }
  return line;
}

void ProgressBar::advance(std::string_view what, int64_t done, int64_t total) {
  if (quiet_) return;
  const Clock::time_point now = Clock::now();
  const auto interval =
      terminal_ ? std::chrono::milliseconds(kBarInterval) : std::chrono::milliseconds(kPlainInterval);
  if (now - started_ < kQuietStart || (now - shown_ < interval && (shown_ != started_ || !terminal_))) return;
  shown_ = now;
  if (terminal_) {
    on_screen_ = true;
    std::fprintf(stderr, "\r\x1b[K%s", text(what, done, total, true).c_str());
  } else {
    std::fprintf(stderr, "headwise %s: %s\n", verb_.c_str(), text(what, done, total, false).c_str());
  }
  std::fflush(stderr);
}

bool ProgressBar::stop_requested() const { return stop_signalled(); }
bool StopOnly::stop_requested() const { return stop_signalled(); }

void ProgressBar::finish() {
  if (!on_screen_) return;
  on_screen_ = false;
  std::fputs("\r\x1b[K", stderr);
  std::fflush(stderr);
}

}  // namespace headwise
