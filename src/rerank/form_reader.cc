// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "rerank/form_reader.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "base/check.h"
#include "decoder/create.h"
#include "rerank/final_scores.h"
#include "rerank/reading.h"
#include "rerank/received_attention.h"
#include "rerank/scoring.h"

namespace headwise {
namespace {

std::vector<int32_t> ids_of(const PromptLayout& layout, int index) {
  const auto ids = layout.ids_of(index);
  return {ids.begin(), ids.end()};
}

}  // namespace

Result<FormReader> FormReader::create(std::shared_ptr<const Model> model, RerankerOptions options,
                                      bool received) {
  if (options.encoding != Encoding::kBlocks) {
    return fail(ErrorCode::kUsage,
                "passages are kept with --encoding blocks alone; take a head set that reads blocks");
  }
  const ModelConfig& config = model->config();
  auto heads = options.heads.resolve(static_cast<int>(config.layers), static_cast<int>(config.heads));
  HW_RETURN_IF_ERROR(heads);
  auto rules = prompt_rules(*model, options);
  HW_RETURN_IF_ERROR(rules);
  rules->leave_out_empty = true;
  rules->content_free = options.calibration != Calibration::kNone;
  auto decoder = create_decoder(model, {.threads = options.threads, .device = options.device});
  HW_RETURN_IF_ERROR(decoder);
  FormReader reader(std::move(model), std::move(options), std::move(*heads), std::move(*rules),
                    std::move(*decoder));
  reader.received_ = received;
  return reader;
}

FormReader::FormReader(std::shared_ptr<const Model> model, RerankerOptions options, std::vector<HeadId> heads,
                       PromptRules rules, std::unique_ptr<Decoder> decoder)
    : model_(std::move(model)),
      options_(std::move(options)),
      heads_(std::move(heads)),
      weights_(options_.heads.weights_of(heads_.size())),
      rules_(std::move(rules)),
      decoder_(std::move(decoder)),
      deepest_(std::max_element(heads_.begin(), heads_.end())->layer) {}

Status FormReader::encode(std::string_view query, std::span<const Passage> passages, ProgressSink* progress) {
  std::vector<int> order(passages.size());
  std::iota(order.begin(), order.end(), 0);
  auto prompt = build_prompt(model_->tokenizer(), rules_, query, passages, order);
  HW_RETURN_IF_ERROR(prompt);
  prompt_ = std::move(*prompt);
  in_request_ = passages.size();
  passages_.clear();
  received_by_.clear();
  if (prompt_->parts.empty()) return {};
  const PromptLayout& whole = prompt_->layout;
  PromptLayout layout;
  std::vector<int> keep;
  for (const int index : prompt_->segments.passages) {
    if (keep.empty()) layout.add_segment(ids_of(whole, prompt_->segments.prefix), 0, {});
    keep.push_back(layout.add_segment(ids_of(whole, index), whole.segment(index).first_position, {0}));
  }
  DecodeRequest request;
  request.prompt = &layout;
  ReceivedAttention received(model_->config(), deepest_, layout, keep);
  if (received_) received.ask(request);
  keep.push_back(0);
  request.keep = keep;
  request.keep_until = deepest_;
  request.progress = progress;
  auto decoded = decoder_->run(request);
  HW_RETURN_IF_ERROR(decoded);
  passages_ = std::move(decoded->kept);
  prefix_ = std::move(passages_.back());
  passages_.pop_back();
  received_by_.assign(passages_.size(), {});
  for (size_t i = 0; received_ && i < passages_.size(); ++i) {
    received_by_[i].assign(received.of(i).begin(), received.of(i).end());
  }
  return {};
}

Result<std::vector<double>> FormReader::scores(const KeptForm& form, ProgressSink* progress) {
  HW_CHECK(prompt_.has_value());
  bytes_ = 0;
  if (prompt_->parts.empty()) return std::vector<double>(in_request_);
  std::vector<GivenSegment> given{{prompt_->segments.prefix, prefix_}};
  for (size_t i = 0; i < passages_.size(); ++i) {
    const auto kept = form.as_run() ? passages_[i] : passages_[i]->reduced(form, received_by_[i]);
    given.push_back({prompt_->segments.passages[i], kept});
    bytes_ += kept->bytes();
  }
  ScoreCollector collector(*prompt_, heads_, options_.token_filter);
  if (options_.filter_after_sum) collector.keep_token_sums(weights_);
  const RowGroup groups[] = {prompt_->shared_rows, prompt_->query_rows.front(), prompt_->content_free_rows};
  DecodeRequest request;
  request.prompt = &prompt_->layout;
  request.heads = heads_;
  request.rows = std::span(groups, rules_.content_free ? 3 : 2);
  request.given = given;
  request.on_layer = [&](const LayerAttention& attention) { collector.add(attention); };
  request.progress = progress;
  HW_RETURN_IF_ERROR(decoder_->run(request));
  HeadScores scores;
  scores.heads = heads_;
  scores.passages = static_cast<int64_t>(passages_.size());
  scores.values = collector.take_values();
  const std::vector<double> of_parts = options_.filter_after_sum
                                           ? collector.scores_filtered_after_sum()
                                           : combine_heads(scores, options_.calibration, weights_);
  std::vector<ScoredPassage> passages = scored_passages(prompt_->parts, of_parts, in_request_);
  finish_scores({}, {}, passages);
  std::vector<double> all;
  for (const ScoredPassage& passage : passages) all.push_back(passage.score);
  return all;
}

}  // namespace headwise
