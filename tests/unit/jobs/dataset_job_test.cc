// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "jobs/dataset_job.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace headwise {
namespace {

using ::testing::ElementsAre;

DatasetWork work_of(int queries) {
  DatasetWork work;
  for (int i = 0; i < queries; ++i) {
    work.requests.push_back({.number = 10 + i, .id = "q" + std::to_string(i), .query = "", .passages = {}});
  }
  return work;
}

// Counts what it is told, and stops the work once `stop_after` queries are done.
class Watcher : public ProgressSink {
 public:
  explicit Watcher(int64_t stop_after = 100) : stop_after_(stop_after) {}
  void advance(std::string_view what, int64_t done, int64_t total) override {
    EXPECT_EQ(what, "queries");
    told.push_back(done);
    total_ = total;
  }
  bool stop_requested() const override { return !told.empty() && told.back() >= stop_after_; }
  std::vector<int64_t> told;
  int64_t total_ = 0;

 private:
  int64_t stop_after_;
};

Result<std::string> answer(const DatasetRequest& request, ProgressSink* stop) {
  stop->advance("layers", 1, 30);  // a query's own steps: nobody who counts queries may see them
  if (stop->stop_requested()) return fail(ErrorCode::kCancelled, "");
  return request.id + "\n";
}

class Kept : public ::testing::Test {
 protected:
  void SetUp() override {
    path_ = std::filesystem::path(::testing::TempDir()) /
            ::testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove(path_);
  }
  void TearDown() override { std::filesystem::remove(path_); }
  const Json header_{{"headwise_partial", 1}, {"model", "m"}};
  std::filesystem::path path_;
};

TEST_F(Kept, AStoppedJobGoesOnWithWhatIsNotDone) {
  {
    auto job = DatasetJob::open(work_of(4), path_, header_, false);
    ASSERT_TRUE(job);
    Watcher watcher(2);
    const Status stopped = job->run(answer, &watcher, "; and so on");
    ASSERT_FALSE(stopped);
    EXPECT_EQ(stopped.error().code(), ErrorCode::kCancelled);
    EXPECT_EQ(stopped.error().message(), "interrupted after 2 of 4 queries; and so on");
  }
  auto job = DatasetJob::open(work_of(4), path_, header_, false);
  ASSERT_TRUE(job);
  EXPECT_EQ(job->done(), 2);
  std::vector<std::string> asked;
  Watcher watcher;
  ASSERT_TRUE(job->run(
      [&](const DatasetRequest& request, ProgressSink* stop) {
        asked.push_back(request.id);
        return answer(request, stop);
      },
      &watcher));
  EXPECT_THAT(asked, ElementsAre("q2", "q3"));
  EXPECT_THAT(watcher.told, ElementsAre(3, 4));
  EXPECT_EQ(watcher.total_, 4);
  EXPECT_EQ(job->joined(), "q0\nq1\nq2\nq3\n");
  job->close();
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(Kept, OtherSettingsAreRefused) {
  ASSERT_TRUE(DatasetJob::open(work_of(1), path_, header_, false));
  const auto other = DatasetJob::open(work_of(1), path_, {{"headwise_partial", 1}, {"model", "n"}}, false);
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code(), ErrorCode::kUsage);
}

TEST(DatasetJob, RecordsMayComeInAnyOrderAndStayInMemory) {
  DatasetJob job(work_of(3));
  ASSERT_TRUE(job.add(12, "c"));
  ASSERT_TRUE(job.add(10, "a"));
  EXPECT_TRUE(job.is_done(job.work().requests[2]));
  EXPECT_FALSE(job.is_done(job.work().requests[1]));
  ASSERT_TRUE(job.run(answer, nullptr));
  EXPECT_EQ(job.joined(), "aq1\nc");
}

TEST(DatasetJob, AnErrorOfAnAnswerEndsIt) {
  DatasetJob job(work_of(2));
  const Status failed = job.run(
      [](const DatasetRequest&, ProgressSink*) -> Result<std::string> {
        return fail(ErrorCode::kInvalidInput, "no such text");
      },
      nullptr);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().message(), "no such text");
  EXPECT_EQ(job.done(), 0);
}

}  // namespace
}  // namespace headwise
