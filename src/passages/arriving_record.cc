// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "passages/arriving_record.h"

#include <algorithm>

#include "base/check.h"

namespace headwise {
namespace {

// A pass of some twenty layers begins when a tenth is there. Shorter pieces cost more than they bring.
constexpr uint32_t kMostPieces = 10;
constexpr uint32_t kLeastPages = 64;

}  // namespace

int ArrivingRecord::pieces() const {
  return static_cast<int>(std::clamp(place_.pages / kLeastPages, 1U, kMostPieces));
}

void ArrivingRecord::read(const SegmentFile::Descriptors& from) {
  const auto end_of = [&](int piece) {
    return uint64_t{place_.pages} * static_cast<uint64_t>(piece) / static_cast<uint64_t>(pieces()) *
           kPlacePage;
  };
  if (verdict_ != Verdict::kNone) return;
  const uint64_t begin = end_of(next_);
  const uint64_t end = end_of(++next_);
  if (!from.read(place_.page * kPlacePage + begin, to_.subspan(begin, end - begin))) return give_up();
  arrived_.store(end, std::memory_order_release);
  arrived_.notify_all();
  add_up(end);
}

// Tokens and image, as whole_record() does.
void ArrivingRecord::add_up(size_t arrived) {
  const auto record = read_record(to_);
  if (!record) return give_up();
  const auto tokens = std::as_bytes(record->tokens);
  const auto front = static_cast<size_t>(record->image.data() - to_.data());
  if (summed_ == 0) {
    if (arrived < front) return;
    sum_.add(tokens);
    summed_ = front;
  }
  const size_t end = std::min(arrived, record->bytes);
  sum_.add(to_.subspan(summed_, end - summed_));
  summed_ = end;
  if (end == record->bytes) judge(sum_.value() == record->sum);
}

void ArrivingRecord::judge(bool whole) {
  file_->judge(place_, whole);
  verdict_.store(whole ? Verdict::kWhole : Verdict::kDamaged, std::memory_order_release);
  verdict_.notify_all();
}

void ArrivingRecord::give_up() {
  if (verdict_ != Verdict::kNone) return;
  judge(false);
  arrived_.store(to_.size(), std::memory_order_release);
  arrived_.notify_all();
}

Result<RecordView> ArrivingRecord::record() {
  await_file(kRecordAlignment);
  auto record = read_record(to_);
  HW_RETURN_IF_ERROR(record);
  front_ = static_cast<size_t>(record->image.data() - to_.data());
  await_file(front_);
  return record;
}

void ArrivingRecord::await(size_t bytes) const { await_file(front_ + bytes); }

void ArrivingRecord::await_file(size_t bytes) const {
  for (size_t arrived = arrived_.load(std::memory_order_acquire); arrived < bytes;
       arrived = arrived_.load(std::memory_order_acquire)) {
    arrived_.wait(arrived, std::memory_order_acquire);
  }
}

bool ArrivingRecord::intact() const {
  verdict_.wait(Verdict::kNone, std::memory_order_acquire);
  return verdict_.load(std::memory_order_acquire) == Verdict::kWhole;
}

}  // namespace headwise
