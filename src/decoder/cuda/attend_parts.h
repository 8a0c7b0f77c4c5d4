// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: which segments attend in parts. A few rows that see thousands of keys, as a query behind
// a hundred passages, would keep a dozen of a card's processors busy, each with every key; in parts they keep
// all of them busy. What is a part follows from the segment and what it sees alone, and not from what is
// given, kept or read, so that rows have the same bits whatever the pass.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "decoder/cpu/pass_plan.h"
#include "decoder/decode_request.h"

namespace headwise::device {

struct AttendParts {
  AttendParts(const DecodeRequest& request, const PassPlan& plan);
  // Of a segment: [begin, end) of the runs that it sees, for each part; none: it attends at once.
  std::vector<std::vector<std::pair<int32_t, int32_t>>> runs;
  std::vector<int64_t> first_row;  // of a segment's first part among the rows of all parts
  int64_t rows = 0;
};

}  // namespace headwise::device
