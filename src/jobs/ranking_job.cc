// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "jobs/ranking_job.h"

#include <utility>

#include "base/check.h"
#include "base/file.h"
#include "jobs/job_header.h"

namespace headwise {

Result<DatasetJob> open_ranking_job(const Engine& engine, const DatasetChoice& choice, DatasetWork work,
                                    const RankingOutput& output) {
  if (output.path.empty()) return DatasetJob(std::move(work));
  Json header = job_header(engine, output.format, work, &choice);
  if (output.top_k) header["flags"]["top-k"] = *output.top_k;
  return DatasetJob::open(std::move(work), output.path + ".partial", header, output.restart);
}

Status finish_ranking_job(DatasetJob& job, const std::string& path) {
  if (path.empty()) return {};
  HW_RETURN_IF_ERROR(write_file_atomically(path, job.joined()));
  job.close();
  return {};
}

}  // namespace headwise
