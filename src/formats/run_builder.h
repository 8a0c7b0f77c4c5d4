// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What every run reader shares: grouping by query, the checks that hold for any format, trec_eval's order.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "headwise/dataset.h"
#include "headwise/run.h"

namespace headwise {

class RunBuilder {
 public:
  explicit RunBuilder(std::string_view source) : source_(source) {}

  // `line` is where the answer stands in the source, for messages.
  Status add(std::string_view query, std::string_view document, double score, size_t line);
  // Sorted and ranked. kInvalidInput for a document given twice, or when nothing was added.
  Result<Run> finish(std::string name);

 private:
  std::string source_;
  Run run_;
  std::vector<std::vector<size_t>> lines_;  // beside run_.queries[i].entries
  IdMap<size_t> places_;
  size_t last_ = 0;  // the query of the line before: runs are nearly always grouped
};

// Whether a score can be held by a 32-bit float.
bool fits_float(double score);

}  // namespace headwise
