// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "common/store_run.h"

#include <string>

#include "base/check.h"
#include "common/diagnostics.h"
#include "common/job_run.h"

namespace headwise {

Status run_store_job(ScoreStoreJob& job, const std::filesystem::path& folder, const AppContext& context) {
  const std::string total = std::to_string(job.job().total());
  if (job.job().done() > 0) {
    print_note(context.verb, context.quiet,
               "going on in '" + folder.string() + "': " + std::to_string(job.job().done()) + " of " + total +
                   " queries are done");
  }
  HW_RETURN_IF_ERROR(run_with_bar(job, context));
  HW_RETURN_IF_ERROR(job.finish());
  print_note(
      context.verb, context.quiet,
      total + " queries in '" + folder.string() + "'; find heads in them with `headwise heads select`");
  return {};
}

}  // namespace headwise
