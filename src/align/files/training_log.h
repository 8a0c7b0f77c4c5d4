// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: OUTPUT/log.jsonl: a line an update, a line an evaluation, in order; read again for the
// report.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "align/files/training_records.h"
#include "headwise/error.h"

namespace headwise {

class TrainingLog {
 public:
  explicit TrainingLog(std::filesystem::path path) : path_(std::move(path)) {}
  // Keeps the first `bytes` of what is there. kInvalidInput when there are fewer.
  Status cut(int64_t bytes);
  Status add(const UpdateRecord& record);
  Status add(const EvaluationRecord& record);
  int64_t bytes() const { return bytes_; }

 private:
  Status append(const std::string& line);
  std::filesystem::path path_;
  int64_t bytes_ = 0;
};

Result<TrainingHistory> read_training_log(const std::filesystem::path& path);

}  // namespace headwise
