// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "formats/npy.h"

#include <charconv>
#include <cstring>
#include <limits>

#include "formats/byte_cursor.h"

namespace headwise {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr size_t kAlignment = 64;  // of the first value in the file

// The text after `key` in the header's Python dictionary, blanks skipped.
std::string_view after_key(std::string_view header, std::string_view key) {
  const size_t at = header.find(key);
  if (at == std::string_view::npos) return {};
  std::string_view rest = header.substr(at + key.size());
  const size_t start = rest.find_first_not_of(" :");
  return start == std::string_view::npos ? std::string_view{} : rest.substr(start);
}

// "(3, 30, 9, 40)", "(7,)" or "()".
bool parse_shape(std::string_view text, std::vector<int64_t>& shape) {
  if (text.empty() || text.front() != '(') return false;
  text.remove_prefix(1);
  for (;;) {
    text.remove_prefix(std::min(text.find_first_not_of(" ,"), text.size()));
    if (text.empty()) return false;
    if (text.front() == ')') return true;
    int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || value < 0) return false;
    text.remove_prefix(static_cast<size_t>(end - text.data()));
    shape.push_back(value);
  }
}

}  // namespace

std::string format_npy(std::span<const int64_t> shape, std::span<const float> values) {
  std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (";
  for (size_t i = 0; i < shape.size(); ++i) header += (i > 0 ? ", " : "") + std::to_string(shape[i]);
  header += shape.size() == 1 ? ",), }" : "), }";
  const size_t before = kMagic.size() + 4;
  const size_t whole = (before + header.size() + 1 + kAlignment - 1) / kAlignment * kAlignment;
  header.append(whole - before - header.size() - 1, ' ');
  header += '\n';
  std::string bytes(kMagic);
  bytes += '\x01';
  bytes += '\0';
  bytes += static_cast<char>(header.size() & 0xff);
  bytes += static_cast<char>(header.size() >> 8);
  bytes += header;
  bytes.append(reinterpret_cast<const char*>(values.data()), values.size_bytes());
  return bytes;
}

Result<NpyArray> parse_npy(std::string_view bytes, std::string_view source) {
  ByteCursor cursor(std::as_bytes(std::span(bytes)), source);
  auto magic = cursor.take(kMagic.size(), "the magic number");
  if (!magic) return fail(std::move(magic.error()));
  if (*magic != kMagic) return cursor.fail_at(0, "expected a .npy file, which starts with \\x93NUMPY");
  auto version = cursor.read<uint16_t>("the version");
  if (!version) return fail(std::move(version.error()));
  const int major = *version & 0xff;
  if (major < 1 || major > 3) {
    return cursor.fail_at(6, "expected .npy version 1, 2 or 3, found " + std::to_string(major));
  }
  uint32_t length = 0;
  if (major == 1) {
    auto read = cursor.read<uint16_t>("the header's length");
    if (!read) return fail(std::move(read.error()));
    length = *read;
  } else {
    auto read = cursor.read<uint32_t>("the header's length");
    if (!read) return fail(std::move(read.error()));
    length = *read;
  }
  const size_t header_at = cursor.position();
  auto header = cursor.take(length, "the header");
  if (!header) return fail(std::move(header.error()));
  if (!after_key(*header, "'descr'").starts_with("'<f4'")) {
    return cursor.fail_at(header_at, "expected little-endian float32 ('descr': '<f4'), found " +
                                         printable(after_key(*header, "'descr'").substr(0, 16)));
  }
  if (!after_key(*header, "'fortran_order'").starts_with("False")) {
    return cursor.fail_at(header_at, "expected C order ('fortran_order': False)");
  }
  NpyArray array;
  if (!parse_shape(after_key(*header, "'shape'"), array.shape)) {
    return cursor.fail_at(header_at, "expected a shape such as (3, 30, 9, 40)");
  }
  uint64_t count = 1;
  for (const int64_t size : array.shape) {
    const auto extent = static_cast<uint64_t>(size);
    if (extent != 0 && count > std::numeric_limits<uint64_t>::max() / sizeof(float) / extent) {
      return cursor.fail_at(header_at, "the shape's product is beyond 64 bits");
    }
    count *= extent;
  }
  if (Status enough = cursor.need(count * sizeof(float), "the array"); !enough) {
    return fail(std::move(enough.error()));
  }
  if (cursor.remaining() != count * sizeof(float)) {
    return cursor.fail_at(cursor.position(), "expected " + std::to_string(count * sizeof(float)) +
                                                 " bytes of values, found " +
                                                 std::to_string(cursor.remaining()));
  }
  array.values.resize(count);
  if (count > 0) std::memcpy(array.values.data(), cursor.here(), count * sizeof(float));
  return array;
}

}  // namespace headwise
