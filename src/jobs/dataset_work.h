// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: a first-stage run with its texts, cut to what is asked for: the work of everything that
// goes through a data set.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "headwise/error.h"
#include "headwise/passage.h"

namespace headwise {

struct DatasetChoice {
  std::string dataset;
  std::string run;
  std::string split;
  int depth = 40;   // candidates of each query, 0: all
  int skip = 0;     // queries left out at the start
  int queries = 0;  // first queries after those, 0: all
  std::string shard;
  std::string only_query;  // the id of the one query that is wanted; empty: all
};

// One query with its texts, ready for the engine.
struct DatasetRequest {
  int64_t number = 0;  // place in the whole run's order
  std::string id;
  std::string query;
  std::vector<Passage> passages;
};

struct DatasetWork {
  std::vector<DatasetRequest> requests;
  std::string fingerprint;         // of every text, id and first-stage score among them
  std::vector<std::string> notes;  // what was left out, for people
};

Result<DatasetWork> gather_work(const DatasetChoice& choice);
// What the data set is called: its folder, or its run where that holds the texts.
std::string dataset_name(const DatasetChoice& choice);

}  // namespace headwise
