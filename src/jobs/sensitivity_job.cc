// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "jobs/sensitivity_job.h"

#include <utility>

#include "base/check.h"
#include "jobs/job_header.h"

namespace headwise {

std::vector<double> LayerLosses::mean() const {
  std::vector<double> means(losses.empty() ? 0 : losses.front().size(), 0.0);
  for (const std::vector<double>& of : losses) {
    for (size_t layer = 0; layer < means.size(); ++layer) {
      means[layer] += of[layer] / static_cast<double>(losses.size());
    }
  }
  return means;
}

Result<SensitivityJob> SensitivityJob::open(const Engine& engine, const SensitivityChoice& choice,
                                            DatasetWork work, const std::filesystem::path& output,
                                            bool restart) {
  auto reader = LayerSensitivity::open(engine, choice);
  HW_RETURN_IF_ERROR(reader);
  Json header = job_header(engine, "sensitivity", work);
  header["kept"] = choice.kept;
  header["tokens"] = to_string(KeepBudget{.tokens = choice.tokens});
  auto job = DatasetJob::open(std::move(work), output.string() + ".partial", header, restart);
  HW_RETURN_IF_ERROR(job);
  return SensitivityJob(engine.model->fingerprint(), std::move(*reader), std::move(*job));
}

Result<std::string> SensitivityJob::answer(const DatasetRequest& request, ProgressSink* stop) {
  const auto losses = reader_.losses(request.query, request.passages, stop);
  if (!losses) return fail(Error(losses.error()).with_context("reading query '" + request.id + "'"));
  return Json(*losses).dump() + "\n";
}

Status SensitivityJob::run(ProgressSink* progress) {
  return job_.run([this](const DatasetRequest& request, ProgressSink* stop) { return answer(request, stop); },
                  progress, "; the same command goes on from there");
}

Result<LayerLosses> SensitivityJob::losses() const {
  const auto layers = static_cast<size_t>(reader_.layers());
  LayerLosses sums{model_, job_.done(), reader_.choice().kept, {}};
  sums.losses.assign(sums.kept.size(), std::vector<double>(layers, 0.0));
  for (const auto& [number, text] : job_.records()) {
    const Json rows = Json::parse(text, nullptr, false);
    if (!rows.is_array() || rows.size() != sums.losses.size()) {
      return fail(ErrorCode::kInvalidInput, "the record of query number " + std::to_string(number) +
                                                " is damaged; begin afresh with --restart");
    }
    for (size_t i = 0; i < rows.size(); ++i) {
      for (size_t layer = 0; layer < layers && rows[i].size() == layers; ++layer) {
        sums.losses[i][layer] += rows[i][layer].get<double>() / static_cast<double>(sums.queries);
      }
    }
  }
  return sums;
}

}  // namespace headwise
