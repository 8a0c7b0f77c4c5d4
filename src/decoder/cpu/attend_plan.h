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

// One call of a kv head: parts that all see the first `shared` segments of their contexts.
struct AttendTask {
  int64_t shared;
  std::vector<AttendPart> parts;
};

// Of every segment for which `runs` is not 0, in order. Each task is done once for each kv head.
std::vector<AttendTask> cut_attention(const PromptLayout& prompt, const std::vector<char>& runs,
                                      const ModelConfig& config, int threads);

}  // namespace headwise
