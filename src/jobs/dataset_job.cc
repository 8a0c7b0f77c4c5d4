// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "jobs/dataset_job.h"

#include <utility>

#include "base/check.h"

namespace headwise {
namespace {

// Passes on the question whether to stop, and keeps the steps inside one query from whoever counts queries.
class StopOf : public ProgressSink {
 public:
  explicit StopOf(const ProgressSink* of) : of_(of) {}
  void advance(std::string_view, int64_t, int64_t) override {}
  bool stop_requested() const override { return of_ != nullptr && of_->stop_requested(); }

 private:
  const ProgressSink* of_;
};

}  // namespace

Result<DatasetJob> DatasetJob::open(DatasetWork work, const std::filesystem::path& journal,
                                    const Json& header, bool restart) {
  auto opened = Journal::open(journal, header, restart);
  if (!opened) return fail(std::move(opened.error()));
  DatasetJob job(std::move(work));
  job.journal_.emplace(std::move(*opened));
  return job;
}

Status DatasetJob::add(int64_t number, std::string record) {
  if (journal_) return journal_->append(number, std::move(record));
  records_[number] = std::move(record);
  return {};
}

Status DatasetJob::run(const Answer& answer, ProgressSink* progress, const std::string& then) {
  StopOf stop(progress);
  for (const DatasetRequest& request : work_.requests) {
    if (is_done(request)) continue;
    auto record = answer(request, &stop);
    if (!record && record.error().code() == ErrorCode::kCancelled) {
      return fail(ErrorCode::kCancelled, "interrupted after " + std::to_string(done()) + " of " +
                                             std::to_string(total()) + " queries" + then);
    }
    if (!record) return fail(std::move(record.error()));
    HW_RETURN_IF_ERROR(add(request.number, std::move(*record)));
    if (progress != nullptr) progress->advance("queries", done(), total());
  }
  return {};
}

std::string DatasetJob::joined() const {
  std::string whole;
  for (const auto& [number, record] : records()) whole += record;
  return whole;
}

void DatasetJob::close() {
  if (journal_) journal_->remove();
}

}  // namespace headwise
