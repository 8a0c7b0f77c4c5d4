// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: a job over a data set on its way, as every verb that has one shows it.
#pragma once

#include "base/check.h"
#include "common/app.h"
#include "common/progress_bar.h"
#include "common/signals.h"
#include "headwise/error.h"

namespace headwise {

// Does what is not done yet, with a bar and an ear for Ctrl-C. A Job has job(), its DatasetJob, and
// run(ProgressSink*).
template <typename Job>
Status run_with_bar(Job& job, const AppContext& context) {
  const StopSignals signals;
  ProgressBar bar(context.verb, context.quiet);
  bar.start_at(job.job().done());
  HW_RETURN_IF_ERROR(job.run(&bar));
  bar.finish();
  return {};
}

}  // namespace headwise
