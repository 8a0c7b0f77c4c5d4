// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: preferences from graded judgements (HeadRank's own source): BEIR folders with a
// first-stage run, and lists sampled from them: all grades that a query has, and hard negatives from the
// first stage. docs/method.md#batches-and-steps.
//
// Thread rule: immutable after reading.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "align/data/batches.h"
#include "headwise/error.h"
#include "headwise/qrels.h"
#include "headwise/run.h"

namespace headwise {

// One data set of a command: "dir=musique,run=run.given.trec,split=test,first=60,weight=2".
struct DataSetSpec {
  std::filesystem::path folder;  // dir
  std::string run;               // a file in the folder, or a path
  std::string split = "test";    // qrels/SPLIT.tsv
  int skip = 0;                  // queries of the run left out at the start
  int first = 0;                 // queries after those; 0: all
  int depth = 40;                // candidates of each query
  double weight = 1.0;           // how often it is drawn, against the others
  std::string name() const;      // the folder's
  std::string text() const;      // as it is written
};
// kUsage names the key that is unknown, missing or has no such value.
Result<DataSetSpec> parse_data_set(std::string_view text);

struct GradedCandidate {
  Passage passage;
  int grade = 0;
  int first_stage = 0;  // place in the run from 1; 0: only judged
};

struct GradedQuery {
  std::string id;
  std::string text;
  std::vector<GradedCandidate> candidates;  // the run's, best first, then judged ones that it lacks
};

struct GradedSet {
  DataSetSpec spec;
  std::vector<GradedQuery> queries;
  int left_out = 0;  // queries without two grades among their candidates: nothing to prefer
};

// For training: queries that have at least two grades, judged documents that the run lacks added.
Result<GradedSet> read_graded_set(const DataSetSpec& spec);

// For measuring: the run cut to the depth with its texts, and the judgements.
struct HeldOutSet {
  DataSetSpec spec;
  Run run;
  Qrels qrels;
  std::vector<GradedQuery> queries;  // in the run's order; candidates of the run only
};
Result<HeldOutSet> read_held_out_set(const DataSetSpec& spec);

// A list of at most `size` candidates in random order: up to half of it relevant, taken from the grades in
// turn, the rest the first stage's best that are not. Fewer where the query has fewer.
std::vector<int> sample_list(const GradedQuery& query, int size, std::mt19937_64& random);

// `queries` lists of one set as one batch: their passages are pooled, and every query reads them all. A
// passage that comes from another query's list has grade 0 unless this query's judgements say otherwise.
// `first`, where given, is the place of a query that is among them.
TrainingBatch sample_batch(const GradedSet& set, int queries, int size, std::mt19937_64& random,
                           std::optional<size_t> first = std::nullopt);

}  // namespace headwise
