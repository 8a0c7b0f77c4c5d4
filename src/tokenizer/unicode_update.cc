// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "tokenizer/unicode_update.h"

#include <algorithm>
#include <array>

#include "base/check.h"
#include "base/utf8.h"

namespace headwise {
namespace {

// General categories, and Han ideographs apart from the other letters for patterns that ask for the script.
enum class Class { kLu, kLl, kLm, kLo, kHan, kMn, kMc, kNd, kNo, kPd, kPo, kSm, kSo, kCf };

// A character of Unicode 14 or older of the class, of three and of four bytes.
struct Example {
  char32_t three_bytes;
  char32_t four_bytes;
};

Example example_of(Class wanted) {
  switch (wanted) {
    case Class::kLu:
      return {0x1E00, 0x10400};
    case Class::kLl:
      return {0x1E01, 0x10428};
    case Class::kLm:
      return {0x1D2C, 0x16B40};
    case Class::kLo:
      return {0x0E01, 0x10000};
    case Class::kHan:
      return {0x4E00, 0x20000};
    case Class::kMn:
      return {0x0900, 0x11001};
    case Class::kMc:
      return {0x0903, 0x11000};
    case Class::kNd:
      return {0x0966, 0x104A0};
    case Class::kNo:
      return {0x2460, 0x10107};
    case Class::kPd:
      return {0x2010, 0x10EAD};
    case Class::kPo:
      return {0x2020, 0x10100};
    case Class::kSm:
      return {0x2200, 0x1D6C1};
    case Class::kSo:
      return {0x2300, 0x10137};
    case Class::kCf:
      return {0x2060, 0x110BD};
  }
  return {};
}

struct Range {
  char32_t first;
  char32_t last;
  Class category;
};

// Printed by tests/golden/tokenizer_unicode_table.py categories.
constexpr std::array kRanges = {
    Range{0x0897, 0x0897, Class::kMn},    Range{0x0CF3, 0x0CF3, Class::kMc},
    Range{0x0ECE, 0x0ECE, Class::kMn},    Range{0x1B4E, 0x1B4F, Class::kPo},
    Range{0x1B7F, 0x1B7F, Class::kPo},    Range{0x1C89, 0x1C89, Class::kLu},
    Range{0x1C8A, 0x1C8A, Class::kLl},    Range{0x2427, 0x2429, Class::kSo},
    Range{0x2FFC, 0x2FFF, Class::kSo},    Range{0x31E4, 0x31E5, Class::kSo},
    Range{0x31EF, 0x31EF, Class::kSo},    Range{0xA7CB, 0xA7CC, Class::kLu},
    Range{0xA7CD, 0xA7CD, Class::kLl},    Range{0xA7DA, 0xA7DA, Class::kLu},
    Range{0xA7DB, 0xA7DB, Class::kLl},    Range{0xA7DC, 0xA7DC, Class::kLu},
    Range{0x105C0, 0x105F3, Class::kLo},  Range{0x10D40, 0x10D49, Class::kNd},
    Range{0x10D4A, 0x10D4D, Class::kLo},  Range{0x10D4E, 0x10D4E, Class::kLm},
    Range{0x10D4F, 0x10D4F, Class::kLo},  Range{0x10D50, 0x10D65, Class::kLu},
    Range{0x10D69, 0x10D6D, Class::kMn},  Range{0x10D6E, 0x10D6E, Class::kPd},
    Range{0x10D6F, 0x10D6F, Class::kLm},  Range{0x10D70, 0x10D85, Class::kLl},
    Range{0x10D8E, 0x10D8F, Class::kSm},  Range{0x10EC2, 0x10EC4, Class::kLo},
    Range{0x10EFC, 0x10EFF, Class::kMn},  Range{0x1123F, 0x11240, Class::kLo},
    Range{0x11241, 0x11241, Class::kMn},  Range{0x11380, 0x11389, Class::kLo},
    Range{0x1138B, 0x1138B, Class::kLo},  Range{0x1138E, 0x1138E, Class::kLo},
    Range{0x11390, 0x113B5, Class::kLo},  Range{0x113B7, 0x113B7, Class::kLo},
    Range{0x113B8, 0x113BA, Class::kMc},  Range{0x113BB, 0x113C0, Class::kMn},
    Range{0x113C2, 0x113C2, Class::kMc},  Range{0x113C5, 0x113C5, Class::kMc},
    Range{0x113C7, 0x113CA, Class::kMc},  Range{0x113CC, 0x113CD, Class::kMc},
    Range{0x113CE, 0x113CE, Class::kMn},  Range{0x113CF, 0x113CF, Class::kMc},
    Range{0x113D0, 0x113D0, Class::kMn},  Range{0x113D1, 0x113D1, Class::kLo},
    Range{0x113D2, 0x113D2, Class::kMn},  Range{0x113D3, 0x113D3, Class::kLo},
    Range{0x113D4, 0x113D5, Class::kPo},  Range{0x113D7, 0x113D8, Class::kPo},
    Range{0x113E1, 0x113E2, Class::kMn},  Range{0x116D0, 0x116E3, Class::kNd},
    Range{0x1171E, 0x1171E, Class::kMc},  Range{0x11B00, 0x11B09, Class::kPo},
    Range{0x11BC0, 0x11BE0, Class::kLo},  Range{0x11BE1, 0x11BE1, Class::kPo},
    Range{0x11BF0, 0x11BF9, Class::kNd},  Range{0x11F00, 0x11F01, Class::kMn},
    Range{0x11F02, 0x11F02, Class::kLo},  Range{0x11F03, 0x11F03, Class::kMc},
    Range{0x11F04, 0x11F10, Class::kLo},  Range{0x11F12, 0x11F33, Class::kLo},
    Range{0x11F34, 0x11F35, Class::kMc},  Range{0x11F36, 0x11F3A, Class::kMn},
    Range{0x11F3E, 0x11F3F, Class::kMc},  Range{0x11F40, 0x11F40, Class::kMn},
    Range{0x11F41, 0x11F41, Class::kMc},  Range{0x11F42, 0x11F42, Class::kMn},
    Range{0x11F43, 0x11F4F, Class::kPo},  Range{0x11F50, 0x11F59, Class::kNd},
    Range{0x11F5A, 0x11F5A, Class::kMn},  Range{0x1342F, 0x1342F, Class::kLo},
    Range{0x13439, 0x1343F, Class::kCf},  Range{0x13440, 0x13440, Class::kMn},
    Range{0x13441, 0x13446, Class::kLo},  Range{0x13447, 0x13455, Class::kMn},
    Range{0x13460, 0x143FA, Class::kLo},  Range{0x16100, 0x1611D, Class::kLo},
    Range{0x1611E, 0x16129, Class::kMn},  Range{0x1612A, 0x1612C, Class::kMc},
    Range{0x1612D, 0x1612F, Class::kMn},  Range{0x16130, 0x16139, Class::kNd},
    Range{0x16D40, 0x16D42, Class::kLm},  Range{0x16D43, 0x16D6A, Class::kLo},
    Range{0x16D6B, 0x16D6C, Class::kLm},  Range{0x16D6D, 0x16D6F, Class::kPo},
    Range{0x16D70, 0x16D79, Class::kNd},  Range{0x18CFF, 0x18CFF, Class::kLo},
    Range{0x1B132, 0x1B132, Class::kLo},  Range{0x1B155, 0x1B155, Class::kLo},
    Range{0x1CC00, 0x1CCEF, Class::kSo},  Range{0x1CCF0, 0x1CCF9, Class::kNd},
    Range{0x1CD00, 0x1CEB3, Class::kSo},  Range{0x1D2C0, 0x1D2D3, Class::kNo},
    Range{0x1DF25, 0x1DF2A, Class::kLl},  Range{0x1E030, 0x1E06D, Class::kLm},
    Range{0x1E08F, 0x1E08F, Class::kMn},  Range{0x1E4D0, 0x1E4EA, Class::kLo},
    Range{0x1E4EB, 0x1E4EB, Class::kLm},  Range{0x1E4EC, 0x1E4EF, Class::kMn},
    Range{0x1E4F0, 0x1E4F9, Class::kNd},  Range{0x1E5D0, 0x1E5ED, Class::kLo},
    Range{0x1E5EE, 0x1E5EF, Class::kMn},  Range{0x1E5F0, 0x1E5F0, Class::kLo},
    Range{0x1E5F1, 0x1E5FA, Class::kNd},  Range{0x1E5FF, 0x1E5FF, Class::kPo},
    Range{0x1F6DC, 0x1F6DC, Class::kSo},  Range{0x1F774, 0x1F776, Class::kSo},
    Range{0x1F77B, 0x1F77F, Class::kSo},  Range{0x1F7D9, 0x1F7D9, Class::kSo},
    Range{0x1F8B2, 0x1F8BB, Class::kSo},  Range{0x1F8C0, 0x1F8C1, Class::kSo},
    Range{0x1FA75, 0x1FA77, Class::kSo},  Range{0x1FA87, 0x1FA89, Class::kSo},
    Range{0x1FA8F, 0x1FA8F, Class::kSo},  Range{0x1FAAD, 0x1FAAF, Class::kSo},
    Range{0x1FABB, 0x1FABF, Class::kSo},  Range{0x1FAC6, 0x1FAC6, Class::kSo},
    Range{0x1FACE, 0x1FACF, Class::kSo},  Range{0x1FADA, 0x1FADC, Class::kSo},
    Range{0x1FADF, 0x1FADF, Class::kSo},  Range{0x1FAE8, 0x1FAE9, Class::kSo},
    Range{0x1FAF7, 0x1FAF8, Class::kSo},  Range{0x1FBCB, 0x1FBEF, Class::kSo},
    Range{0x2B739, 0x2B739, Class::kHan}, Range{0x2EBF0, 0x2EE5D, Class::kHan},
    Range{0x31350, 0x323AF, Class::kHan},
};

struct FormRange {
  char32_t first;
  char32_t last;
};

// Printed by tests/golden/tokenizer_unicode_table.py forms.
constexpr std::array kInertRanges = {
    FormRange{0x07FD, 0x07FD},   FormRange{0x0898, 0x089F},   FormRange{0x08CA, 0x08D3},
    FormRange{0x09FE, 0x09FE},   FormRange{0x0C3C, 0x0C3C},   FormRange{0x0D3B, 0x0D3C},
    FormRange{0x0EBA, 0x0EBA},   FormRange{0x1715, 0x1715},   FormRange{0x1ABF, 0x1ACE},
    FormRange{0x1DF6, 0x1DFA},   FormRange{0x32FF, 0x32FF},   FormRange{0xA7F2, 0xA7F4},
    FormRange{0xA82C, 0xA82C},   FormRange{0xAB69, 0xAB69},   FormRange{0x10781, 0x10785},
    FormRange{0x10787, 0x107B0}, FormRange{0x107B2, 0x107BA}, FormRange{0x10D24, 0x10D27},
    FormRange{0x10EAB, 0x10EAC}, FormRange{0x10EFD, 0x10EFF}, FormRange{0x10F46, 0x10F50},
    FormRange{0x10F82, 0x10F85}, FormRange{0x11070, 0x11070}, FormRange{0x1133B, 0x1133B},
    FormRange{0x1145E, 0x1145E}, FormRange{0x11839, 0x1183A}, FormRange{0x11930, 0x11930},
    FormRange{0x11938, 0x11938}, FormRange{0x1193D, 0x1193E}, FormRange{0x11943, 0x11943},
    FormRange{0x119E0, 0x119E0}, FormRange{0x11A34, 0x11A34}, FormRange{0x11A47, 0x11A47},
    FormRange{0x11A99, 0x11A99}, FormRange{0x11D42, 0x11D42}, FormRange{0x11D44, 0x11D45},
    FormRange{0x11D97, 0x11D97}, FormRange{0x11F41, 0x11F42}, FormRange{0x16FF0, 0x16FF1},
    FormRange{0x1E030, 0x1E06D}, FormRange{0x1E08F, 0x1E08F}, FormRange{0x1E130, 0x1E136},
    FormRange{0x1E2AE, 0x1E2AE}, FormRange{0x1E2EC, 0x1E2EF}, FormRange{0x1E4EC, 0x1E4EF},
    FormRange{0x1F16C, 0x1F16C}, FormRange{0x1FBF0, 0x1FBF9},
};

// Numbers of Unicode 17, which Rust's standard library knows and Oniguruma does not.
constexpr std::array kNewestNumbers = {Range{0x11DE0, 0x11DE9, Class::kNd},
                                       Range{0x16FF4, 0x16FF6, Class::kNd}};

template <typename Row, size_t rows>
const Row* range_of(const std::array<Row, rows>& table, char32_t c) {
  if (c < table.front().first) return nullptr;
  const auto found = std::ranges::lower_bound(table, c, {}, &Row::last);
  return found != table.end() && found->first <= c ? &*found : nullptr;
}

}  // namespace

std::optional<std::string> with_older_characters(std::string_view text) {
  std::optional<std::string> replaced;
  for (size_t at = 0; at < text.size();) {
    if (static_cast<uint8_t>(text[at]) < 0xE0) {  // one and two bytes: nothing new below U+0800
      ++at;
      continue;
    }
    const std::optional<DecodedCodePoint> point = decode_utf8(text.substr(at));
    HW_CHECK(point.has_value());
    if (const Range* range = range_of(kRanges, point->value)) {
      if (!replaced) replaced = std::string(text);
      const Example example = example_of(range->category);
      std::string old;
      append_utf8(old, point->bytes == 3 ? example.three_bytes : example.four_bytes);
      HW_CHECK(old.size() == point->bytes);
      replaced->replace(at, point->bytes, old);
    }
    at += point->bytes;
  }
  return replaced;
}

bool is_inert_in_forms(char32_t c) { return range_of(kInertRanges, c) != nullptr; }

bool is_newer_number(char32_t c) {
  if (const Range* range = range_of(kRanges, c))
    return range->category == Class::kNd || range->category == Class::kNo;
  return std::ranges::any_of(kNewestNumbers,
                             [c](const Range& range) { return c >= range.first && c <= range.last; });
}

}  // namespace headwise
