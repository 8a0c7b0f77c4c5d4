// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: one kept passage as bytes, in a segment file or behind a server:
//
//   64 bytes    header: magic, format, number of tokens, bytes of the image, key, checksums
//   4 x tokens  the ids, filled up to a multiple of 64
//   image       KeptSegment::image()
//
// The header has a checksum of its own, so that its sizes can be believed before the rest is read; the other
// one is over tokens and image. Numbers are little-endian, as are images.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "headwise/error.h"
#include "passages/passage_tier.h"

namespace headwise {

inline constexpr size_t kRecordAlignment = 64;

// Parts of a record, where they stand.
struct RecordView {
  PassageKey key;
  Checksum sum;  // of tokens and image
  std::span<const int32_t> tokens;
  std::span<const std::byte> image;
  size_t bytes = 0;  // of all
};

// What stands in front of the image.
std::vector<std::byte> record_front(const KeptSlot& slot, std::span<const std::byte> image);

// `bytes` begin with a record, on a multiple of 64; more may follow. kInvalidInput says what is not as it
// should be. Only the header is checked: tokens and image are compared by whole_record().
Result<RecordView> read_record(std::span<const std::byte> bytes);
bool whole_record(const RecordView& record);

}  // namespace headwise
