// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "gpu/requests.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <utility>

#include "decoder/layer_attention.h"

namespace headwise::gpu_bench {
namespace {

std::vector<int32_t> made_up_ids(int64_t count, int64_t below, uint32_t& state) {
  std::vector<int32_t> ids;
  for (int64_t i = 0; i < count; ++i) {
    state = state * 1664525u + 1013904223u;
    ids.push_back(static_cast<int32_t>(3 + (state >> 8) % static_cast<uint32_t>(below - 3)));
  }
  return ids;
}

}  // namespace

Request make_request(const RequestShape& shape) {
  Request request;
  uint32_t state = 1;
  const auto ids = [&](int64_t count) { return made_up_ids(count, shape.ids, state); };
  int64_t position = shape.lead;
  if (shape.blocks) {
    const int lead = request.layout.add_segment(ids(shape.lead), 0, {});
    request.kept.push_back(lead);
    for (const int64_t tokens : shape.passages) {
      const int slot = request.layout.add_segment(ids(tokens), shape.lead, {lead});
      request.kept.push_back(slot);
      request.spans.push_back({slot, 0, tokens});
      position = std::max(position, shape.lead + tokens);
    }
  } else {
    int64_t first = shape.lead;
    for (const int64_t tokens : shape.passages) {
      request.spans.push_back({0, first, tokens});
      first += tokens;
    }
    request.kept.push_back(request.layout.add_segment(ids(first), 0, {}));
    position = first;
  }
  const int query = request.layout.add_segment(ids(shape.query), position, request.kept);
  request.rows = {{request.layout.segment(query).token_begin, shape.query}};
  return request;
}

PassOutcome run_pass(Decoder& decoder, const Request& request, const PassWish& wish) {
  PassOutcome outcome;
  DecodeRequest asked;
  asked.prompt = &request.layout;
  asked.heads = wish.heads;
  asked.rows = request.rows;
  asked.full_depth = wish.full_depth;
  asked.given = wish.given;
  if (wish.keep) asked.keep = request.kept;
  asked.on_layer = [&](const LayerAttention& attention) {
    for (size_t head = 0; head < attention.heads.size(); ++head) {
      const float* sums = attention.of(static_cast<int64_t>(head), 0);
      for (const TokenSpan& span : request.spans) {
        const SpanKeys keys = attention.keys_of(span);
        double sum = 0.0;
        for (int64_t i = 0; i < keys.count; ++i) sum += static_cast<double>(sums[keys.first + i]);
        outcome.scores.push_back(sum);
      }
    }
  };
  auto done = decoder.run(asked);
  if (!done) throw std::runtime_error(done.error().to_string());
  outcome.kept = std::move(done->kept);
  return outcome;
}

std::vector<HeadId> all_heads(const ModelConfig& config) {
  std::vector<HeadId> heads;
  for (int layer = 0; layer < static_cast<int>(config.layers); ++layer) {
    for (int head = 0; head < static_cast<int>(config.heads); ++head) heads.push_back({layer, head});
  }
  return heads;
}

std::vector<GivenSegment> given_of(const Request& request, const PassOutcome& kept) {
  std::vector<GivenSegment> given;
  for (size_t i = 0; i < request.kept.size(); ++i) given.push_back({request.kept[i], kept.kept[i]});
  return given;
}

Difference difference(const std::vector<double>& ours, const std::vector<double>& theirs) {
  constexpr double kNone = std::numeric_limits<double>::infinity();
  if (ours.size() != theirs.size() || ours.empty()) return {kNone, kNone};
  Difference found;
  for (size_t i = 0; i < ours.size(); ++i) {
    if (ours[i] == 0.0 && theirs[i] == 0.0) continue;  // a passage outside a window
    const double relative = std::abs(ours[i] - theirs[i]) / theirs[i];
    if (!std::isfinite(relative)) return {kNone, kNone};
    found.mean += relative * relative;
    found.worst = std::max(found.worst, relative);
  }
  found.mean = std::sqrt(found.mean / static_cast<double>(ours.size()));
  return found;
}

}  // namespace headwise::gpu_bench
