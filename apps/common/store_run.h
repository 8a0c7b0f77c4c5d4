// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: a head-score store's job on its way, as `heads score` and `align --select` show it.
#pragma once

#include <filesystem>

#include "common/app.h"
#include "jobs/score_store_job.h"

namespace headwise {

// Reads what is not done yet, with a bar and an ear for Ctrl-C, and finishes the store in `folder`.
Status run_store_job(ScoreStoreJob& job, const std::filesystem::path& folder, const AppContext& context);

}  // namespace headwise
