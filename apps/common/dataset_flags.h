// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the flags of every verb that goes through a data set. What they ask for is gathered by
// the library (jobs/dataset_work.h).
#pragma once

#include <string>

#include "common/app.h"
#include "headwise/error.h"
#include "jobs/dataset_work.h"

namespace headwise {

using DatasetFlags = DatasetChoice;

// What is said where --run is not given and nothing can be done without.
inline constexpr const char* kRunMissing =
    "--run FILE with the candidates of each query is missing (with --dataset DIR for their texts)";

void add_dataset_flags(CLI::App& verb, DatasetFlags& flags, const std::string& group);

// Prints what was left out.
Result<DatasetWork> gather_work(const DatasetFlags& flags, const AppContext& context);

}  // namespace headwise
