// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: what decides the bytes of a re-ranked run, for its journal. Two runs with equal headers
// give equal files, whichever front end wrote them. The instruction set is in it because kernels round
// differently on each.
#pragma once

#include <string>

#include "headwise/engine.h"
#include "jobs/dataset_work.h"
#include "jobs/journal.h"

namespace headwise {

struct RunOutput {
  std::string format;   // "trec", "jsonl", ...
  std::string version;  // of headwise
};
// What computes the scores, in a header.
void describe(const DecoderDescription& decoder, Json& header);

Result<Json> run_header(const Engine& engine, const DatasetChoice& choice, const DatasetWork& work,
                        const RunOutput& output);

}  // namespace headwise
