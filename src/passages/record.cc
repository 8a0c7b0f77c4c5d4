// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "passages/record.h"

#include <bit>
#include <cstring>
#include <string>

#include "passages/kept_context.h"

namespace headwise {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr std::array<char, 8> kRecordMagic = {'H', 'W', 'K', 'E', 'P', 'T', '\r', '\n'};

struct Header {
  std::array<char, 8> magic;
  uint32_t format;
  uint32_t tokens;
  uint64_t image_bytes;
  PassageKey key;
  Checksum sum;
  uint64_t header_sum;  // of the bytes before it
};
static_assert(sizeof(Header) == kRecordAlignment);

uint64_t header_sum_of(const Header& header) {
  const Checksum sum = checksum(std::as_bytes(std::span(&header, 1)).first(offsetof(Header, header_sum)));
  return std::bit_cast<std::array<uint64_t, 2>>(sum.bytes)[0];
}

size_t aligned(size_t bytes) { return (bytes + kRecordAlignment - 1) / kRecordAlignment * kRecordAlignment; }

}  // namespace

std::vector<std::byte> record_front(const KeptSlot& slot, std::span<const std::byte> image) {
  Header header{.magic = kRecordMagic,
                .format = kKeptFormat,
                .tokens = static_cast<uint32_t>(slot.tokens.size()),
                .image_bytes = image.size(),
                .key = slot.key,
                .sum = checksum(std::as_bytes(slot.tokens), image),
                .header_sum = 0};
  header.header_sum = header_sum_of(header);
  std::vector<std::byte> front(sizeof header + aligned(slot.tokens.size_bytes()));
  std::memcpy(front.data(), &header, sizeof header);
  if (!slot.tokens.empty()) {
    std::memcpy(front.data() + sizeof header, slot.tokens.data(), slot.tokens.size_bytes());
  }
  return front;
}

Result<RecordView> read_record(std::span<const std::byte> bytes) {
  Header header;
  if (bytes.size() < sizeof header) return fail(ErrorCode::kInvalidInput, "no whole record header");
  std::memcpy(&header, bytes.data(), sizeof header);
  if (header.magic != kRecordMagic) return fail(ErrorCode::kInvalidInput, "no record of a kept passage");
  if (header.format != kKeptFormat) {
    return fail(ErrorCode::kInvalidInput, "a record of format " + std::to_string(header.format) +
                                              "; this build reads " + std::to_string(kKeptFormat));
  }
  if (header.header_sum != header_sum_of(header)) {
    return fail(ErrorCode::kInvalidInput, "a record header with a wrong checksum");
  }
  const size_t front = sizeof header + aligned(size_t{header.tokens} * sizeof(int32_t));
  if (front > bytes.size() || header.image_bytes > bytes.size() - front) {
    return fail(ErrorCode::kInvalidInput, "a record that is cut short");
  }
  return RecordView{.key = header.key,
                    .sum = header.sum,
                    .tokens = {reinterpret_cast<const int32_t*>(bytes.data() + sizeof header), header.tokens},
                    .image = bytes.subspan(front, header.image_bytes),
                    .bytes = front + header.image_bytes};
}

bool whole_record(const RecordView& record) {
  return checksum(std::as_bytes(record.tokens), record.image) == record.sum;
}

}  // namespace headwise
