// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: judged requests of random size over a data set, which relevance is fitted to
// (heads/relevance_fit.h): for every judged question its candidates are drawn from, 1, 5, 20 and 100 of them
// and several random numbers between, and ranked. Finished questions are kept in OUTPUT.partial.
//
// Thread rule: one thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <unordered_map>
#include <vector>

#include "headwise/engine.h"
#include "headwise/qrels.h"
#include "jobs/dataset_job.h"

namespace headwise {

struct SampleChoice {
  int grade = 1;   // the least grade that is relevant
  int draws = 8;   // requests of random size, beside those of 1, 5, 20 and 100
  int most = 100;  // candidates of a request
  uint64_t seed = 0;
  std::string data;  // the name of the data set
};

// How many candidates the requests of one question have: those of 1, 5, 20 and 100 that can be, then
// `draws` numbers from 1 to `most`, each factor as probable as another. Depends on seed and question alone.
std::vector<int> request_sizes(const SampleChoice& choice, const std::string& query, size_t candidates);

class RelevanceJob {
 public:
  // kUsage: no question of the work is judged, a router (its heads have no fit), a fusion, a filter after the
  // sum, and a journal begun with other settings, unless `restart`.
  static Result<RelevanceJob> open(Engine& engine, DatasetWork work, const Qrels& qrels, SampleChoice choice,
                                   const std::filesystem::path& output, bool restart);

  const DatasetJob& job() const { return job_; }
  // kCancelled says how many questions are done.
  Status run(ProgressSink* progress);
  // The file of samples.
  std::string text() const;
  // Once it is written.
  void close() { job_.close(); }

 private:
  using Grades = std::unordered_map<std::string, int>;
  RelevanceJob(Engine& engine, SampleChoice choice, std::unordered_map<std::string, Grades> grades,
               DatasetJob job)
      : engine_(&engine), choice_(std::move(choice)), grades_(std::move(grades)), job_(std::move(job)) {}
  Result<std::string> answer(const DatasetRequest& request, ProgressSink* stop);

  Engine* engine_;
  SampleChoice choice_;
  std::unordered_map<std::string, Grades> grades_;  // by question and document
  DatasetJob job_;
};

}  // namespace headwise
