// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: a record of a segment file (record.h) that is read into memory of its own, piece by
// piece, while a pass already uses what has come: images are layer after layer, and a pass waits for the next
// layer only (ImageBytes::await). What has come is added to the record's checksum meanwhile.
//
// Thread rule: one thread reads the pieces, one after the other; any number wait.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <span>

#include "decoder/kept_segment.h"
#include "headwise/error.h"
#include "passages/checksum.h"
#include "passages/record.h"
#include "passages/segment_file.h"

namespace headwise {

class ArrivingRecord final : public ImageBytes {
 public:
  // `to` has the length of `place` and is kept by `memory`.
  ArrivingRecord(std::shared_ptr<SegmentFile> file, const Place& place, std::span<std::byte> to,
                 std::shared_ptr<const void> memory)
      : file_(std::move(file)), place_(place), to_(to), memory_(std::move(memory)) {}

  // For whoever reads.
  int pieces() const;
  // The next one. What cannot be read makes the record damaged: nobody waits for it any more.
  void read(const SegmentFile::Descriptors& from);
  void give_up();

  // Waits for header and tokens. kInvalidInput says what is not as it should be. Comes before the two below.
  Result<RecordView> record();
  void await(size_t bytes) const override;
  bool intact() const override;

 private:
  enum class Verdict { kNone, kWhole, kDamaged };

  void await_file(size_t bytes) const;
  void add_up(size_t arrived);
  void judge(bool whole);

  std::shared_ptr<SegmentFile> file_;
  Place place_;
  std::span<std::byte> to_;
  std::shared_ptr<const void> memory_;
  size_t front_ = 0;  // bytes before the image

  std::atomic<size_t> arrived_ = 0;  // from the record's begin on
  std::atomic<Verdict> verdict_ = Verdict::kNone;
  // Of the thread that reads.
  int next_ = 0;
  size_t summed_ = 0;
  RunningChecksum sum_;
};

}  // namespace headwise
