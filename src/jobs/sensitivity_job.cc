// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "jobs/sensitivity_job.h"

#include <utility>

#include "base/check.h"
#include "base/rank_correlation.h"
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
  for (const double share : choice.kept) {
    if (!(share >= kLeastShare && share <= 1.0)) {
      return fail(ErrorCode::kUsage,
                  "a share that is kept is from 1/32 to 1, found " + std::to_string(share));
    }
  }
  const bool received = choice.tokens == BudgetTokens::kReceived;
  auto reader = FormReader::create(engine.model, engine.reranker.options(), received);
  HW_RETURN_IF_ERROR(reader);
  Json header = job_header(engine, "sensitivity", work);
  header["kept"] = choice.kept;
  header["tokens"] = to_string(KeepBudget{.tokens = choice.tokens});
  auto job = DatasetJob::open(std::move(work), output.string() + ".partial", header, restart);
  HW_RETURN_IF_ERROR(job);
  return SensitivityJob(engine.model->fingerprint(), choice, std::move(*reader), std::move(*job));
}

Result<std::string> SensitivityJob::answer(const DatasetRequest& request, ProgressSink* stop) {
  const auto named = [&](const Error& error) {
    return fail(Error(error).with_context("reading query '" + request.id + "'"));
  };
  if (const Status encoded = reader_.encode(request.query, request.passages, stop); !encoded) {
    return named(encoded.error());
  }
  const auto whole = reader_.scores({}, stop);
  if (!whole) return named(whole.error());
  Json rows = Json::array();
  for (const double share : choice_.kept) {
    Json row = Json::array();
    for (int layer = 0; layer < reader_.layers(); ++layer) {
      KeptForm form{.shares = std::vector<float>(static_cast<size_t>(reader_.layers()), 1.0f),
                    .tokens = choice_.tokens};
      form.shares[static_cast<size_t>(layer)] = static_cast<float>(share);
      const auto pruned = reader_.scores(form, stop);
      if (!pruned) return named(pruned.error());
      row.push_back(1.0 - kendall_tau(*whole, *pruned));
    }
    rows.push_back(std::move(row));
  }
  return rows.dump() + "\n";
}

Status SensitivityJob::run(ProgressSink* progress) {
  return job_.run([this](const DatasetRequest& request, ProgressSink* stop) { return answer(request, stop); },
                  progress, "; the same command goes on from there");
}

Result<LayerLosses> SensitivityJob::losses() const {
  const auto layers = static_cast<size_t>(reader_.layers());
  LayerLosses sums{model_, job_.done(), choice_.kept, {}};
  sums.losses.assign(choice_.kept.size(), std::vector<double>(layers, 0.0));
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
