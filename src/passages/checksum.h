// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the 128-bit hash of this folder: names of passages and contexts, checksums of records.
// XXH3 (Yann Collet), which reads as fast as memory does; not for secrets. Where it names something, what it
// names is compared as well.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace headwise {

struct Checksum {
  std::array<unsigned char, 16> bytes{};  // the same on every machine

  std::string hex() const;
  friend auto operator<=>(const Checksum&, const Checksum&) = default;
};

Checksum checksum(std::span<const std::byte> bytes);
// Of one after the other, as if they were one.
Checksum checksum(std::span<const std::byte> first, std::span<const std::byte> second);

// The same for bytes that come piece by piece.
class RunningChecksum {
 public:
  RunningChecksum();
  ~RunningChecksum();
  RunningChecksum(RunningChecksum&&) noexcept;
  RunningChecksum& operator=(RunningChecksum&&) noexcept;

  void add(std::span<const std::byte> bytes);
  Checksum value() const;  // of what was added

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace headwise
