// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the head-score store, a folder that holds what every head of a model paid to every
// candidate of a data set's queries: computed once, then selection, routing labels and every analysis run on
// it in seconds and never on the model (docs/formats.md#head-score-store).
//
//   manifest.json   StoreManifest, and for each query its id, text, candidates and first-stage scores
//   00000.npy ...   one for each query, in the manifest's order: float32 [3, L, H, N], C order, numpy's
//   format
//
// Channel 0 is s[h] uncalibrated for the query, 1 the same for the content-free query, 2 calibrated by `na`
// with the token filter. N counts that query's own candidates, in prompt order.
//
//   auto store = headwise::ScoreStore::open("stores/dl19");
//   auto scores = store->read(0);  // scores->at(kStoreQuery, layer, head, candidate)
//
// Thread rule: open stores are immutable; `read` may be called by many threads.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "headwise/error.h"
#include "headwise/reranker.h"

namespace headwise {

enum StoreChannel : int { kStoreQuery = 0, kStoreContentFree = 1, kStoreNaFiltered = 2 };

// Everything that decides the numbers, apart from the queries. Two stores can be used together when model,
// shape, template, encoding, rows, token filter, what was done with long passages and what rows saw of a
// passage agree.
struct StoreManifest {
  std::string model;  // Model::fingerprint()
  int layers = 0;
  int heads = 0;  // a layer
  std::string prompt_template;
  std::string encoding;  // "list", "blocks"
  std::string rows;      // "all", "instruction+query", "query"
  std::string order;     // "given", "reversed", "shuffled"
  uint64_t seed = 0;
  std::string token_filter;  // "low", "none"
  int max_words = 0;
  // Stores of before these were named have none; such a store agrees with any other.
  std::optional<int> max_tokens{};
  std::optional<std::string> long_passages{};  // "cut", "chunk"
  std::optional<int> max_windows{};            // of a passage, with "chunk"
  std::optional<std::string> precision{};      // of the linear layers: "fp32"; "cuda bf16" of a card
  std::optional<std::string> keep_type{};      // of passages' keys and values: "fp32", "bf16", "int8"
  std::optional<std::string> keep_budget{};    // "1": whole; otherwise in the words of KeepBudget
  int depth = 0;
  std::string dataset;   // folder's name, for people
  std::string headwise;  // version that wrote it
};

// What rows saw of a passage, as a head set says it (HeadSet::keep_budget): empty where they saw it whole.
std::string budget_of(const StoreManifest& manifest);

struct StoredQuery {
  std::string id;
  std::string text;
  std::vector<std::string> candidates;     // document ids in prompt order
  std::vector<double> first_stage_scores;  // one for each candidate, same order
};

// One query's scores. values[((channel * layers + layer) * heads + head) * candidates + candidate].
struct StoredScores {
  int layers = 0;
  int heads = 0;
  int64_t candidates = 0;
  std::vector<float> values;
  float at(int channel, int layer, int head, int64_t candidate) const {
    return of(channel, layer, head)[candidate];
  }
  // The candidates' scores of one head.
  const float* of(int channel, int layer, int head) const {
    return values.data() + ((static_cast<int64_t>(channel) * layers + layer) * heads + head) * candidates;
  }
};

class ScoreStore {
 public:
  // Reads and checks the manifest, and that every query's file is there and has its size. kNotFound,
  // kInvalidInput (names the file and what is wrong with it).
  static Result<ScoreStore> open(const std::filesystem::path& folder);

  const std::filesystem::path& folder() const { return folder_; }
  const StoreManifest& manifest() const { return manifest_; }
  const std::vector<StoredQuery>& queries() const { return queries_; }
  // kInvalidInput for a truncated or foreign .npy, another shape than the manifest's, or a value that is not
  // finite.
  Result<StoredScores> read(size_t query) const;

 private:
  std::filesystem::path folder_;
  StoreManifest manifest_;
  std::vector<StoredQuery> queries_;
};

// The first of these members of the manifest ("model", "encoding", ...) in which two differ, with both values
// as manifest.json writes them.
struct ManifestDifference {
  std::string member, left, right;
};
std::optional<ManifestDifference> first_difference(const StoreManifest& a, const StoreManifest& b,
                                                   std::span<const std::string_view> members);
// kInvalidInput, with both values, when the stores cannot be used together.
Status check_same_settings(const ScoreStore& a, const ScoreStore& b);

// Writes 00000.npy style files and the manifest (each atomically; the manifest last: a folder without one is
// an unfinished store).
Status write_store_scores(const std::filesystem::path& folder, size_t query, const StoredScores& scores);
Status write_store_manifest(const std::filesystem::path& folder, const StoreManifest& manifest,
                            const std::vector<StoredQuery>& queries);

}  // namespace headwise
