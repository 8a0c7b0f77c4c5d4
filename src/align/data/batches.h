// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: one step's worth of passages and queries, whatever it was made from.
#pragma once

#include <string>
#include <vector>

#include "headwise/passage.h"

namespace headwise {

// What is known of every passage of the batch for one query: grades, a teacher's scores, or both; what is not
// known is empty. Where there is a teacher, grades add to its scores.
struct BatchQuery {
  std::string text;
  std::vector<int> grades;  // 0: not relevant, or not judged
  std::vector<float> teacher;
};

// The passages stand in prompt order.
struct TrainingBatch {
  std::string set;  // where it comes from
  std::vector<Passage> passages;
  std::vector<BatchQuery> queries;
  double frozen = 0.0;       // of the frozen model's logits in a teacher's targets
  double bonus = 0.0;        // of a query's highest grade in them; lower grades get their part of it
  double temperature = 0.0;  // of a teacher's scores; 0: LossOptions::temperature
};

}  // namespace headwise
