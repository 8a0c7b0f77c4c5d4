// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: how much each layer of kept passages matters over a data set: the mean of what
// engine/layer_sensitivity.h gives for each query. Finished queries are listed in OUTPUT.partial.
//
// Thread rule: one thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "engine/layer_sensitivity.h"
#include "headwise/engine.h"
#include "jobs/dataset_job.h"

namespace headwise {

// 1 - tau, mean over queries.
struct LayerLosses {
  std::string model;  // fingerprint
  int64_t queries = 0;
  std::vector<double> kept;
  std::vector<std::vector<double>> losses;  // by share, by layer
  std::vector<double> mean() const;         // over the shares, by layer
};

class SensitivityJob {
 public:
  // kUsage where no heads of blocks are read, for shares out of range, and for a journal begun with other
  // settings, unless `restart`.
  static Result<SensitivityJob> open(const Engine& engine, const SensitivityChoice& choice, DatasetWork work,
                                     const std::filesystem::path& output, bool restart);

  const DatasetJob& job() const { return job_; }
  // Reads what is not done yet; kCancelled says how many queries are.
  Status run(ProgressSink* progress);
  // Of all queries.
  Result<LayerLosses> losses() const;
  // Once the result is written.
  void close() { job_.close(); }

 private:
  SensitivityJob(std::string model, LayerSensitivity reader, DatasetJob job)
      : model_(std::move(model)), reader_(std::move(reader)), job_(std::move(job)) {}
  Result<std::string> answer(const DatasetRequest& request, ProgressSink* stop);

  std::string model_;
  LayerSensitivity reader_;
  DatasetJob job_;
};

}  // namespace headwise
