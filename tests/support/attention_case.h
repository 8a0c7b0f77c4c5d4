// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: one call of `attend` and `read` as a value: its sizes, its numbers, the call itself on
// any table, and what it should give. The only file of the tests that knows how the two operations' arguments
// are laid out.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/kernels.h"
#include "support/kernel_reference.h"

namespace headwise::kernels {

// Keys [begin, end) of the case's slots, a block; begin is a multiple of kKeyGrain.
struct KeyRange {
  int64_t begin = 0;
  int64_t end = 0;
};

struct AttentionCase {
  int64_t width = 0;
  int64_t rows = 0;
  int64_t first_row = 0;          // place of the call's first row in its own segment
  std::vector<KeyRange> context;  // what every row sees
  int64_t own_begin = 0;          // multiple of kKeyGrain
  int64_t shift = 0;              // every operand starts so many floats behind an aligned place
  int64_t gap = 0;                // floats between one row of queries and the next, of `read`
  LogitRules rules{};             // positions are places of slots

  int64_t slots() const { return round_up(own_begin + first_row + rows, kKeyTile); }
  // Slots that a row of the call sees, in storage order.
  std::vector<int64_t> visible(int64_t row) const;
};

// The numbers of a case, free of layout.
struct AttentionNumbers {
  std::vector<float> queries;  // [rows, D]
  std::vector<float> keys;     // [slots, D]
  std::vector<float> values;   // [slots, D]
};
AttentionNumbers random_numbers(const AttentionCase& c, float key_deviation);

struct CallResult {
  std::vector<float> values;  // attend: [rows, D]; read: [slots]
  bool overrun = false;       // something was written outside the outputs
};
CallResult attend(const KernelTable& table, const AttentionCase& c, const AttentionNumbers& numbers);
CallResult read(const KernelTable& table, const AttentionCase& c, const AttentionNumbers& numbers);

std::vector<Bounded> expected_attend(const AttentionCase& c, const AttentionNumbers& numbers,
                                     RoundingBound rounding);
std::vector<Bounded> expected_read(const AttentionCase& c, const AttentionNumbers& numbers,
                                   RoundingBound rounding);

}  // namespace headwise::kernels
