// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: a training as one HTML page that needs nothing else: losses, margins, held-out figures
// and what became of the middle of the prompts, before and after.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "align/files/training_records.h"

namespace headwise {

struct TrainingReport {
  std::string model;
  std::vector<std::string> data;                              // a line a source
  std::vector<std::pair<std::string, std::string>> settings;  // flag and value
  TrainingHistory history;
  TrainingOutcome outcome;
};

std::string training_report_html(const TrainingReport& report);

}  // namespace headwise
