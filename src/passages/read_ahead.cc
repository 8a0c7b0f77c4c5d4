// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "passages/read_ahead.h"

#include <unistd.h>

#include <optional>
#include <utility>

#include "passages/checksum.h"
#include "passages/record.h"

namespace headwise {
namespace {

// About a layer of a model of some twenty.
constexpr int kPieces = 20;
// Pieces that are asked for before the first of them is waited for: the disk is never idle meanwhile.
constexpr int kAhead = 4;

// The checksum of a record whose pieces come one after the other.
class Check {
 public:
  explicit Check(const ReadAhead::Wanted& wanted) : file_(wanted.file.get()), place_(wanted.place) {}

  // The pieces in their order; the last one says whether the record is whole.
  void add(int piece) {
    if (piece == 0) begin();
    if (!record_) return;
    const size_t bytes = record_->image.size();
    const size_t from = bytes * static_cast<size_t>(piece) / kPieces;
    const size_t to = bytes * static_cast<size_t>(piece + 1) / kPieces;
    sum_.add(record_->image.subspan(from, to - from));
    if (piece + 1 == kPieces) file_->judge(place_, sum_.value() == record_->sum);
  }

 private:
  void begin() {
    // A wrong header is the reader's to tell.
    if (auto record = file_->record(place_)) record_ = *record;
    if (record_) sum_.add(std::as_bytes(record_->tokens));
  }

  SegmentFile* file_;
  Place place_;
  std::optional<RecordView> record_;
  RunningChecksum sum_;
};

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
    std::vector<Check> checks(now.begin(), now.end());
    for (int piece = 0; piece < kPieces + kAhead; ++piece) {
      for (const Wanted& one : now) {
        if (stop.stop_requested()) return;
        if (piece < kPieces) one.file->expect(one.place, piece, kPieces);
      }
      if (piece < kAhead) continue;
      for (Check& check : checks) {
        if (stop.stop_requested()) return;
        check.add(piece - kAhead);
      }
    }
  }
}

}  // namespace headwise
