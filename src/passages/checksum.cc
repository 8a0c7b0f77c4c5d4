// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "passages/checksum.h"

#include <cstring>

#define XXH_INLINE_ALL  // nothing to link, and the compiler sees the lengths
#include <xxhash.h>

namespace headwise {
namespace {

Checksum canonical(XXH128_hash_t hash) {
  XXH128_canonical_t bytes;
  XXH128_canonicalFromHash(&bytes, hash);
  Checksum made;
  static_assert(sizeof bytes.digest == sizeof made.bytes);
  std::memcpy(made.bytes.data(), bytes.digest, sizeof bytes.digest);
  return made;
}

}  // namespace

std::string Checksum::hex() const {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(2 * bytes.size());
  for (const unsigned char byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

Checksum checksum(std::span<const std::byte> bytes) {
  return canonical(XXH3_128bits(bytes.data(), bytes.size()));
}

Checksum checksum(std::span<const std::byte> first, std::span<const std::byte> second) {
  RunningChecksum sum;
  sum.add(first);
  sum.add(second);
  return sum.value();
}

struct RunningChecksum::State {
  XXH3_state_t hash;
};

RunningChecksum::RunningChecksum() : state_(std::make_unique<State>()) { XXH3_128bits_reset(&state_->hash); }
RunningChecksum::~RunningChecksum() = default;
RunningChecksum::RunningChecksum(RunningChecksum&&) noexcept = default;
RunningChecksum& RunningChecksum::operator=(RunningChecksum&&) noexcept = default;

void RunningChecksum::add(std::span<const std::byte> bytes) {
  XXH3_128bits_update(&state_->hash, bytes.data(), bytes.size());
}

Checksum RunningChecksum::value() const { return canonical(XXH3_128bits_digest(&state_->hash)); }

}  // namespace headwise
