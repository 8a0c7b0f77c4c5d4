// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Hashes that files carry must be the same in every version: FNV-1a's published values, and ours.
#include "base/fingerprint.h"

#include <gtest/gtest.h>

#include <string_view>

namespace headwise {
namespace {

uint64_t fnv(std::string_view text, uint64_t seed = 0) {
  Fnv hash(seed);
  hash.add(std::span<const char>(text));
  return hash.value();
}

TEST(Fnv, HasThePublishedValues) {
  EXPECT_EQ(fnv(""), 0xcbf29ce484222325);
  EXPECT_EQ(fnv("a"), 0xaf63dc4c8601ec8c);
  EXPECT_EQ(fnv("foobar"), 0x85944171f73967e8);
}

TEST(Fnv, ASeedChangesTheStart) { EXPECT_EQ(fnv("why", 7), 0x77b2691956622b14); }

TEST(Fingerprint, IsOfPiecesWithTheirLengths) {
  Fingerprint print;
  print.add("ab");
  print.add("c");
  print.add(0.5);
  EXPECT_EQ(print.hex(), "0b975dfcb84d97af");
  Fingerprint other;
  other.add("a");
  other.add("bc");
  other.add(0.5);
  EXPECT_NE(other.hex(), print.hex());
}

}  // namespace
}  // namespace headwise
