// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the engine's front door. One prefill of a decoder language model over a prompt that
// holds the query and the candidate passages; the attention that selected heads pay from the query's tokens
// to each passage is the passage's score. No token is generated. See docs/method.md#scores; Chen et al., ICLR
// 2025 (arXiv 2410.02642).
//
//   auto model = headwise::Model::load(path, {});
//   auto reranker = headwise::Reranker::create(*model, {});
//   auto ranking = reranker->rank("who wrote Emma?", {{.id = "1", .text = "Emma is a novel by Jane Austen."},
//   ...}); for (const headwise::ScoredPassage& hit : ranking->passages) use(hit.index, hit.score);
//
// Thread rule: one call at a time per Reranker; make several from one Model for parallel callers. All share
// the process's worker threads and scratch memory, each within its own `threads`. Scores are the same bits at
// any number of threads.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "headwise/decoder_description.h"
#include "headwise/device_choice.h"
#include "headwise/error.h"
#include "headwise/head_selection.h"
#include "headwise/keep.h"
#include "headwise/model.h"
#include "headwise/passage.h"
#include "headwise/progress.h"
#include "headwise/relevance.h"
#include "headwise/score_kind.h"

namespace headwise {

enum class Encoding { kList, kBlocks };
enum class Calibration { kNone, kNa, kRatio };
enum class TokenFilter { kNone, kLow };
enum class QueryRows { kAll, kInstructionAndQuery, kQuery };
enum class CandidateOrder { kGiven, kReversed, kShuffled };
enum class Fusion { kNone, kWeighted, kReciprocalRank };
// A passage that is longer than max_words or max_tokens: what comes behind is left out, or it is read in
// windows that overlap (docs/method.md#long-passages).
enum class LongPassages { kCut, kChunk };

// Every default is the one the command line has, but that all heads are read: default_head_set() of
// head_catalogue.h has the set that the command line takes for a model.
struct RerankerOptions {
  HeadSelection heads;  // all heads unless said otherwise
  Encoding encoding = Encoding::kBlocks;
  Calibration calibration = Calibration::kRatio;
  TokenFilter token_filter = TokenFilter::kLow;  // used with kNa only
  bool filter_after_sum = false;  // filter once on the sum over heads, as ICR's and QRHead's code does
  std::optional<QueryRows> rows;  // nothing: the template's own
  std::string prompt_template;    // empty: "default" for list, "blocks" for blocks; a name or a file
  std::string chat_format;        // empty: found from the vocabulary's special tokens
  CandidateOrder order = CandidateOrder::kGiven;
  uint64_t seed = 0;    // for kShuffled
  int max_words = 300;  // a passage is cut after this many words, 0: not cut
  // And after this many tokens, 0: where it would leave a query less than an eighth of the context. Title and
  // text count, and the template's marker where it is part of the span. The default is more than 300 words of
  // English take.
  int max_tokens = 1024;
  LongPassages long_passages = LongPassages::kCut;
  int max_windows = 32;  // read of one passage with kChunk, at least 1
  int block_span = 0;    // positions reserved for a slot with kBlocks, 0: the longest slot of the request
  Fusion fusion = Fusion::kNone;
  double fusion_weight = 0.7;  // weight of the first stage's z-score with kWeighted
  // What the model is asked to look for, in the place of the template's own words; empty: these.
  std::string instruction;
  ScoreKind score = ScoreKind::kRaw;      // of rankings; explanations and head scores are raw
  std::optional<double> min_score;        // passages that score less, in that kind, are left out of rankings
  std::optional<RelevanceFit> relevance;  // of these heads and how they are read; not with a fusion
  int top_k = 0;                          // passages returned, 0: all
  int threads = 0;                        // 0: the usable cores
  DeviceChoice device;                    // where passes run
  bool full_depth = false;        // run every layer even when the heads read lie lower; for tests and timings
  int64_t max_prompt_tokens = 0;  // 0: the model's context
  KeepOptions keep;               // of passages between requests; with kBlocks alone
  // What is kept serves heads down to this layer: the deepest that a router may choose; -1: the deepest of
  // `heads`. A call that reads deeper ones runs as if nothing were kept.
  int keep_layer = -1;
};

// A part of a long passage that was read like a passage of its own.
struct PassageWindow {
  int number = 0;  // from 0, in the order of the text
  int count = 0;   // windows that were read of the passage
  // Its bytes in Passage::text: whole characters; the title stands before every window.
  size_t begin = 0;
  size_t end = 0;
};

struct ScoredPassage {
  int index = 0;           // place in the request
  double score = 0.0;      // of the kind asked for: higher is better; finite
  bool truncated = false;  // some of the passage's words were not read
  // Nothing in it can be read: it was not part of the prompt and stands behind all others, one mean step
  // below the lowest raw score; 0 where all are empty, and in every other kind.
  bool empty = false;
  std::optional<PassageWindow> window{};  // the best one, whose score this is; where there were several
  // In [0, 1] where the head set has a fit of it; whatever kind `score` is.
  std::optional<double> relevance{};
};

struct RankingStatistics {
  int64_t prompt_tokens = 0;  // of the whole prompt, the content-free query included
  int64_t tokens_run = 0;     // of them run through the model: the others were kept
  int64_t passage_tokens = 0;
  int64_t passages_kept = 0;  // passages that were not run
  int64_t truncated_passages = 0;
  int64_t empty_passages = 0;
  int64_t windows = 0;  // of passages that were read in several
  int layers_run = 0;
  int heads_read = 0;
  double tokenize_seconds = 0.0;
  double prefill_seconds = 0.0;
  double read_seconds = 0.0;
};

struct Ranking {
  std::vector<ScoredPassage> passages;  // best first; ties: the earlier in the request first
  std::vector<HeadId> heads;            // those read
  RankingStatistics statistics;
  RequestFacts facts;
};

// Scores of every selected head before they are summed. values[(c * heads + h) * passages + d]: channel c is
// 0 the query's s, 1 the content-free query's s, 2 s calibrated by `na` with the token filter chosen
// (docs/formats.md#head-score-store); h counts `heads`, d the request's passages in request order:
// a passage in windows has those of its best one, an empty one has zeros.
struct HeadScores {
  std::vector<HeadId> heads;
  int64_t passages = 0;
  std::vector<int> prompt_order;  // prompt_order[i]: the request's index of the i-th passage in the prompt
  std::vector<float> values;
  RankingStatistics statistics;
  float at(int channel, int64_t head, int64_t passage) const {
    return values[static_cast<size_t>((channel * static_cast<int64_t>(heads.size()) + head) * passages +
                                      passage)];
  }
};

// What keep_passages() did; a passage in windows counts as so many.
struct KeepReport {
  int64_t encoded = 0;
  int64_t kept_before = 0;
  std::vector<int> empty;  // places of the passages with nothing to keep
  int64_t tokens_run = 0;
  int64_t truncated_passages = 0;
  uint64_t bytes = 0;  // of what was encoded
};

// A request with wishes of its own; what is empty is as the options say.
struct RankRequest {
  std::string_view query;
  std::span<const Passage> passages;
  std::string_view instruction{};
  std::optional<ScoreKind> score{};
  std::optional<double> min_score{};
  std::optional<int> top_k{};  // 0: all
};

struct Explanation;  // headwise/explanation.h
struct ExplainOptions;

class Reranker {
 public:
  // kUsage for options that contradict each other or name heads the model has not; kNotFound for an unknown
  // template; what PassageCache::open says of a store that cannot be used.
  static Result<Reranker> create(std::shared_ptr<const Model> model, RerankerOptions options);
  Reranker(Reranker&&) noexcept;
  Reranker& operator=(Reranker&&) noexcept;
  ~Reranker();

  // Empty query, no passage, text that is not UTF-8: kInvalidInput. A prompt longer than the context:
  // kResourceLimit, and the message says whether the query is, or how many passages would fit. Neither an
  // empty nor a long passage is an error. An instruction that the template has no place for, relevance that
  // the heads have no fit of: kUsage. `progress` may be null; when it asks to stop the call returns
  // kCancelled soon.
  Result<Ranking> rank(std::string_view query, std::span<const Passage> passages,
                       ProgressSink* progress = nullptr);
  Result<Ranking> rank(const RankRequest& request, ProgressSink* progress = nullptr);
  // What `rank` gives for each, bit for bit. Requests with the same passages in the same order, the same
  // instruction, and CandidateOrder other than kShuffled, are one pass: the passages, the instruction and the
  // content-free query run once for all. What fails, fails for its own request alone; what is stopped is
  // stopped for all.
  std::vector<Result<Ranking>> rank_many(std::span<const RankRequest> requests,
                                         ProgressSink* progress = nullptr);
  // The same with these heads, weights 1, in place of the options' own: what a router asks for. The pass ends
  // at the deepest of them. kUsage when there is none, or one is not in the model or is listed twice.
  Result<Ranking> rank_with(std::span<const HeadId> heads, std::string_view query,
                            std::span<const Passage> passages, ProgressSink* progress = nullptr);
  Result<Ranking> rank_with(std::span<const HeadId> heads, const RankRequest& request,
                            ProgressSink* progress = nullptr);
  Result<HeadScores> head_scores(std::string_view query, std::span<const Passage> passages,
                                 ProgressSink* progress = nullptr);
  // What `rank` gives of raw scores, with every score split over tokens and heads. Include
  // headwise/explanation.h.
  Result<Explanation> explain(std::string_view query, std::span<const Passage> passages,
                              const ExplainOptions& options, ProgressSink* progress = nullptr);

  // Encodes passages and keeps them, no question asked: for what is built ahead. Those that are kept already
  // are left. kUsage when the options keep nothing.
  Result<KeepReport> keep_passages(std::span<const Passage> passages, ProgressSink* progress = nullptr);
  // Of the memory and store that this Reranker works with; zeros when it keeps nothing.
  KeepStatistics kept() const;

  const RerankerOptions& options() const;
  const Model& model() const;
  // What computes the scores.
  DecoderDescription decoder() const;
  // The heads read, in reading order, and the deepest layer that runs.
  const std::vector<HeadId>& heads() const;
  int deepest_layer() const;

 private:
  class Impl;
  explicit Reranker(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace headwise
