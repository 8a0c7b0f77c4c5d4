// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: how a run treats the middle of its prompts: passages that stood neither near the start
// nor near the query, where attention separates least. docs/method.md#middle-zone; HeadRank (arXiv
// 2604.17237) reports such shares for 40 candidates. Which places are the middle is our reconstruction.
//
// Thread rule: free functions without state.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "headwise/error.h"
#include "headwise/qrels.h"
#include "headwise/run.h"

namespace headwise {

// Means at one place in the prompt, over queries.
struct PlaceFigures {
  int place = 0;           // from 1
  int relevant = 0;        // passages of grade 1 or more that stood there
  double ndcg = 0.0;       // mean nDCG@10 of their queries; 0 without any
  double deviation = 0.0;  // of the scores that passages at this place got, each query's mean taken out
};

struct MiddleZone {
  std::string run;
  int depth = 0;  // N: the most candidates of a query
  int first = 0;  // places of the middle zone, from 1, both included
  int last = 0;
  int top = 10;
  int queries = 0;             // with judgements and a place for their answers
  int relevant = 0;            // middle-zone passages of grade 1 or more
  int irrelevant = 0;          // the others
  double relevant_rate = 0.0;  // share of them that ended at rank 10 or better
  double irrelevant_rate = 0.0;
  bool log_scores = false;         // deviations are of log s: every score is positive
  double deviation_inside = 0.0;   // of a query's middle-zone scores, mean over queries
  double deviation_outside = 0.0;  // of its other scores
  std::vector<PlaceFigures> places;
};

// `prompts` is the run whose order the candidates had in their prompts (with `reversed`, from its end); cut
// to the first `depth` of each query (0: all). Answers of `run` that it lacks are left out. kInvalidInput
// when no judged query is in both runs.
Result<MiddleZone> middle_zone_figures(const Run& run, const Run& prompts, const Qrels& qrels, int depth,
                                       bool reversed);

// First and last place of the middle zone of N candidates, from 1: the middle half.
struct ZonePlaces {
  int first;
  int last;
};
ZonePlaces middle_places(int candidates);

}  // namespace headwise
