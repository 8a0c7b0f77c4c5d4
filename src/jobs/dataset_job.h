// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: what every job over a data set is: requests that are answered one after the other, a
// record kept of each, and what is left to do after an interruption. What a record is, and what becomes of
// all of them, is the job's own (ranking_job.h, score_store_job.h).
//
// Thread rule: one thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "headwise/error.h"
#include "headwise/progress.h"
#include "jobs/dataset_work.h"
#include "jobs/journal.h"

namespace headwise {

class DatasetJob {
 public:
  // Records are kept in memory alone.
  explicit DatasetJob(DatasetWork work) : work_(std::move(work)) {}
  // Records are kept in `journal` too, and those that stand there are done. What Journal::open says.
  static Result<DatasetJob> open(DatasetWork work, const std::filesystem::path& journal, const Json& header,
                                 bool restart);

  const DatasetWork& work() const { return work_; }
  // By the requests' numbers.
  const std::map<int64_t, std::string>& records() const { return journal_ ? journal_->finished() : records_; }
  int64_t done() const { return static_cast<int64_t>(records().size()); }
  int64_t total() const { return static_cast<int64_t>(work_.requests.size()); }
  bool is_done(const DatasetRequest& request) const { return records().contains(request.number); }
  Status add(int64_t number, std::string record);

  // Answers what is not done yet, in order. `answer` makes a request's record and is to ask its sink whether
  // to stop; the job's own sink counts queries. kCancelled says how many are done, and `then`; any other
  // error of `answer` is passed on.
  using Answer = std::function<Result<std::string>(const DatasetRequest& request, ProgressSink* stop)>;
  Status run(const Answer& answer, ProgressSink* progress, const std::string& then = {});

  // The records one after the other, by number.
  std::string joined() const;
  // Once the result stands: the journal is not needed any more.
  void close();

 private:
  DatasetWork work_;
  std::optional<Journal> journal_;
  std::map<int64_t, std::string> records_;
};

}  // namespace headwise
