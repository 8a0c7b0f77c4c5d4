// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: which query rows are attended in one call, the tasks of threads. Query rows of a kv head
// are a segment's rows in order and of each the heads that share the kv head; segments whose contexts begin
// with the same segments go together, so that the keys of these are passed once for all of them. Plain data;
// what a value is does not depend on the cut.
#pragma once

#include <cstdint>
#include <vector>

#include "decoder/prompt_layout.h"
#include "headwise/model_config.h"

namespace headwise {

// Query rows [first, first + rows) of a segment.
struct AttendPart {
  int segment;
  int64_t first;
  int64_t rows;
};

// One call: parts that all see the first `shared` segments of their contexts.
struct AttendTask {
  int64_t kv_head;
  int64_t shared;
  std::vector<AttendPart> parts;
};

// Of every segment for which `runs` is not 0 and every kv head. Heads outermost, a head's last rows first,
// which see the most: neighbours in time share a head's keys, and the tail is short.
std::vector<AttendTask> cut_attention(const PromptLayout& prompt, const std::vector<char>& runs,
                                      const ModelConfig& config, int threads);

}  // namespace headwise
