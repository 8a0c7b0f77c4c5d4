// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: what decides the bytes of a job's result, for its journal: two jobs with equal headers
// give equal files, whichever front end started them. The instruction set is in it because kernels round
// differently on each.
#pragma once

#include <string>
#include <string_view>

#include "headwise/engine.h"
#include "jobs/dataset_work.h"
#include "jobs/journal.h"

namespace headwise {

// headwise's own, as results name it.
std::string_view job_version();

// `format` names what is made: "trec", "head-score store". `choice` where the work may be a part of a run.
Json job_header(const Engine& engine, const std::string& format, const DatasetWork& work,
                const DatasetChoice* choice = nullptr);

}  // namespace headwise
