// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "passages/read_ahead.h"

#include <unistd.h>

#include <utility>

namespace headwise {
namespace {

// About a layer of a model of some twenty.
constexpr int kPieces = 20;

}  // namespace

// A child process has the object and not the thread: nobody to wait for.
ReadAhead::~ReadAhead() {
  if (thread_.joinable() && ::getpid() != process_) thread_.detach();
}

void ReadAhead::ask(std::vector<Wanted> wanted) {
  if (wanted.empty()) return;
  {
    const std::lock_guard lock(mutex_);
    asked_.push_back(std::move(wanted));
    process_ = ::getpid();
    if (!thread_.joinable()) thread_ = std::jthread([this](const std::stop_token& stop) { work(stop); });
  }
  more_.notify_one();
}

void ReadAhead::work(const std::stop_token& stop) {
  for (;;) {
    std::vector<Wanted> now;
    {
      std::unique_lock lock(mutex_);
      if (!more_.wait(lock, stop, [&] { return !asked_.empty(); })) return;
      now = std::move(asked_.front());
      asked_.pop_front();
    }
    for (int piece = 0; piece < kPieces; ++piece) {
      for (const Wanted& one : now) {
        if (stop.stop_requested()) return;
        one.file->expect(one.place, piece, kPieces);
      }
    }
  }
}

}  // namespace headwise
