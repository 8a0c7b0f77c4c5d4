// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: preferences from a teacher (our addition to HeadRank): a JSONL file, a batch a line,
//
//   {"set": "dl21", "passages": [{"title": "...", "text": "..."}, ...], "queries": ["...", ...],
//    "scores": [[0.71, ...], ...]}
//
// with a number for every query and passage, and "grades" beside "scores" where some are known: a row for
// every query, empty where nothing is known of it. scripts/teacher_batches.py writes one with a bi-encoder,
// any other scores will do. docs/formats.md#teacher-scores.
//
// Thread rule: immutable after reading.
#pragma once

#include <filesystem>
#include <string_view>
#include <vector>

#include "align/data/batches.h"
#include "headwise/error.h"

namespace headwise {

// kInvalidInput names the line and what is wrong in it.
Result<std::vector<TrainingBatch>> read_targets(const std::filesystem::path& path);
Result<std::vector<TrainingBatch>> parse_targets(std::string_view text);

}  // namespace headwise
