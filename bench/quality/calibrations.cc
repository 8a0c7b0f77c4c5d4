// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: every calibration from one pass per query, for docs/evaluation.md#reading-all-heads:
// reads a data set as `rerank` does and writes a TREC run for each of none, na, na+filter and ratio, of all
// heads (the very scores of `rerank --calibration`, which needs a pass for each; tests/e2e compares them).
//
//   headwise_calibrations DATASET RUN MODEL OUTPUT_FOLDER list|blocks given|reversed DEPTH MAX_WORDS
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "headwise/dataset.h"
#include "headwise/reranker.h"
#include "headwise/run.h"

namespace {

using namespace headwise;  // NOLINT(google-build-using-namespace): a program of its own, not a header

struct Variant {
  const char* name;
  double (*score)(const HeadScores& scores, int64_t head, int64_t passage);
};

// The content-free calibration without a filter is the difference of the two sums.
const Variant kVariants[] = {
    {"none", [](const HeadScores& s, int64_t h, int64_t d) { return static_cast<double>(s.at(0, h, d)); }},
    {"na", [](const HeadScores& s, int64_t h,
              int64_t d) { return static_cast<double>(s.at(0, h, d)) - s.at(1, h, d); }},
    {"na_filter",
     [](const HeadScores& s, int64_t h, int64_t d) { return static_cast<double>(s.at(2, h, d)); }},
    {"ratio", [](const HeadScores& s, int64_t h,
                 int64_t d) { return std::log(s.at(0, h, d) + 1e-7) - std::log(s.at(1, h, d) + 1e-7); }},
};

template <typename T>
T value_or_exit(Result<T> result) {
  if (!result) {
    std::fprintf(stderr, "headwise_calibrations: %s\n", result.error().to_string().c_str());
    std::exit(exit_status(result.error().code()));
  }
  return std::move(*result);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 9) {
    std::fprintf(stderr,
                 "usage: %s DATASET RUN MODEL OUTPUT_FOLDER list|blocks given|reversed DEPTH MAX_WORDS\n",
                 argv[0]);
    return 2;
  }
  const std::filesystem::path output = argv[4];
  std::filesystem::create_directories(output);
  RerankerOptions options;
  options.encoding = std::string(argv[5]) == "list" ? Encoding::kList : Encoding::kBlocks;
  options.order = std::string(argv[6]) == "reversed" ? CandidateOrder::kReversed : CandidateOrder::kGiven;
  options.max_words = std::stoi(argv[8]);
  Run run = value_or_exit(read_run(argv[2]));
  for (RunQuery& query : run.queries) {
    query.entries.resize(std::min(query.entries.size(), static_cast<size_t>(std::stoul(argv[7]))));
  }
  const Dataset dataset = value_or_exit(
      read_beir(argv[1], {.split = "", .documents = document_ids(run), .queries = query_ids(run)}));
  const auto model = value_or_exit(Model::load(argv[3], {ModelOptions::Weights::kFloat32}));
  Reranker reranker = value_or_exit(Reranker::create(model, options));

  std::vector<Run> runs(std::size(kVariants));
  for (size_t done = 0; done < run.queries.size(); ++done) {
    const RunQuery& candidates = run.queries[done];
    std::vector<Passage> passages;
    for (const RunEntry& entry : candidates.entries) {
      const Document* document = dataset.documents.find(entry.id);
      passages.push_back(
          {.id = entry.id, .title = document->title, .text = document->text, .first_stage_score = {}});
    }
    const HeadScores scores =
        value_or_exit(reranker.head_scores(dataset.queries.find(candidates.id)->text, passages));
    for (size_t v = 0; v < runs.size(); ++v) {
      RunQuery answer{candidates.id, candidates.entries};
      for (size_t d = 0; d < passages.size(); ++d) {
        answer.entries[d].score = 0.0;
        for (size_t h = 0; h < scores.heads.size(); ++h) {
          answer.entries[d].score +=
              kVariants[v].score(scores, static_cast<int64_t>(h), static_cast<int64_t>(d));
        }
      }
      std::stable_sort(answer.entries.begin(), answer.entries.end(),
                       [](const RunEntry& a, const RunEntry& b) { return a.score > b.score; });
      runs[v].queries.push_back(std::move(answer));
    }
    std::fprintf(stderr, "%zu/%zu queries\n", done + 1, run.queries.size());
  }
  for (size_t v = 0; v < runs.size(); ++v) {
    const auto path = output / (std::string(argv[5]) + "." + kVariants[v].name + ".trec");
    if (const Status written = write_run(runs[v], path, RunFormat::kTrec); !written) {
      std::fprintf(stderr, "headwise_calibrations: %s\n", written.error().to_string().c_str());
      return exit_status(written.error().code());
    }
  }
  return 0;
}
