// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "decoder/cpu/pass_plan.h"

#include <algorithm>
#include <numeric>
#include <span>
#include <string>

#include "base/check.h"
#include "kernels/kernels.h"
#include "model/layer_spec.h"

namespace headwise {
namespace {

using kernels::kRowTile;

// Tiles of kRowTile rows, as many as every thread gets the same number of; what is left is cut into equal
// pieces.
std::vector<RowTile> cut_rows(const PassPlan& plan, int64_t all, int64_t threads) {
  std::vector<RowTile> tiles;
  const auto add = [&](int64_t begin, int64_t rows) {
    const bool read = std::any_of(plan.groups.begin(), plan.groups.end(), [&](const ReadRows& group) {
      const int64_t first = plan.segment(group.segment).row + group.first_row;
      return first < begin + rows && begin < first + group.rows;
    });
    tiles.push_back({begin, rows, read});
  };
  const int64_t whole = all / kRowTile / threads * threads;
  for (int64_t i = 0; i < whole; ++i) add(i * kRowTile, kRowTile);
  const int64_t rest = all - whole * kRowTile;  // less than threads * kRowTile, and a part of a tile
  const int64_t piece = std::max<int64_t>(kernels::divide_up(rest, threads), 1);
  for (int64_t begin = whole * kRowTile; begin < all; begin += std::min(piece, kRowTile)) {
    add(begin, std::min({piece, kRowTile, all - begin}));
  }
  return tiles;
}

void place_segments(const PromptLayout& prompt, PassPlan& plan) {
  for (size_t s = 0; s < prompt.segments.size(); ++s) {
    const PromptSegment& segment = prompt.segments[s];
    SegmentPlace& place = plan.segments[s];
    place.row = plan.rows();
    place.place = plan.key_count;
    plan.key_count += kernels::stored_keys(segment.tokens);
    if (place.given != nullptr) continue;
    place.rows = segment.tokens;
    place.store = plan.stored_keys;
    plan.stored_keys += kernels::stored_keys(segment.tokens);
    const auto first = static_cast<std::ptrdiff_t>(segment.token_begin);
    const auto end = first + static_cast<std::ptrdiff_t>(segment.tokens);
    plan.ids.insert(plan.ids.end(), prompt.ids.begin() + first, prompt.ids.begin() + end);
    plan.positions.insert(plan.positions.end(), prompt.positions.begin() + first,
                          prompt.positions.begin() + end);
  }
}

std::vector<ReadRows> read_rows(const DecodeRequest& request, const PassPlan& plan) {
  std::vector<ReadRows> groups;
  for (const RowGroup& group : request.rows) {
    if (group.tokens == 0) {
      groups.push_back({0, 0, 0});
      continue;
    }
    const int segment = request.prompt->segment_of(group.token_begin);
    const int64_t first = group.token_begin - request.prompt->segment(segment).token_begin;
    HW_CHECK(first + group.tokens <= plan.segment(segment).rows);
    groups.push_back({segment, first, group.tokens});
  }
  return groups;
}

// Which part of its layers a pass needs, and which of them it keeps.
void plan_layers(const DecodeRequest& request, const ModelWeights& weights, PassPlan& plan) {
  const ModelConfig& config = weights.config;
  const int all = static_cast<int>(config.layers);
  const bool keeps = !request.keep.empty();
  HW_CHECK(request.keep_until < all);
  plan.heads_by_layer.resize(static_cast<size_t>(all));
  int deepest = keeps ? request.keep_until : -1;
  for (const HeadId id : request.heads) {
    plan.heads_by_layer[static_cast<size_t>(id.layer)].push_back(id.head);
    deepest = std::max(deepest, id.layer);
  }
  for (std::vector<int>& heads : plan.heads_by_layer) std::sort(heads.begin(), heads.end());
  const bool whole_model = request.full_depth || request.on_hidden;
  const int whole =
      request.on_hidden && request.hidden_until >= 0 ? std::min(request.hidden_until + 1, all) : all;
  const int layers = whole_model ? std::max(whole, deepest + 1) : deepest + 1;
  plan.demands.resize(static_cast<size_t>(std::max(layers, 0)));
  if (!whole_model && deepest >= 0) {
    LayerDemand& last = plan.demands.back();
    last.whole = false;
    last.query_heads = plan.heads_by_layer[static_cast<size_t>(deepest)];
    for (const int head : last.query_heads) {
      last.key_heads.push_back(head / static_cast<int>(config.heads / config.kv_heads));
    }
    last.key_heads.erase(std::unique(last.key_heads.begin(), last.key_heads.end()), last.key_heads.end());
    const auto demand_all = [](std::vector<int>& heads, int64_t count) {
      heads.resize(static_cast<size_t>(count));
      std::iota(heads.begin(), heads.end(), 0);
    };
    // A norm over all heads needs all heads.
    const bool wide = weights.spec.layers[static_cast<size_t>(deepest)].wide_qk_norm;
    if (keeps || wide) demand_all(last.key_heads, config.kv_heads);
    if (wide) demand_all(last.query_heads, config.heads);
  }
  for (int layer = 0; keeps && layer < layers; ++layer) {
    if (request.keep_until >= 0 && layer > request.keep_until) break;
    plan.keeps_values.push_back(plan.demands[static_cast<size_t>(layer)].whole &&
                                layer != request.keep_until);
  }
}

// Each given segment must hold what every layer of the pass reads.
Status take_given(const DecodeRequest& request, const ModelConfig& config, PassPlan& plan) {
  for (const GivenSegment& given : request.given) {
    const auto* kept = dynamic_cast<const CpuKeptSegment*>(given.kept.get());
    HW_CHECK(kept != nullptr);  // made by another backend
    const PromptSegment& segment = request.prompt->segment(given.segment);
    HW_RETURN_IF_ERROR(kept->check_fits(segment, config));
    for (size_t layer = 0; layer < plan.demands.size(); ++layer) {
      const LayerDemand& demand = plan.demands[layer];
      if (kept->has(static_cast<int>(layer), demand.whole)) continue;
      return fail(ErrorCode::kInvalidInput, "the kept keys and values of segment " +
                                                std::to_string(given.segment) + " end before layer " +
                                                std::to_string(layer) +
                                                ", which this pass reads; keep them anew with these heads");
    }
    plan.segments[static_cast<size_t>(given.segment)].given = kept;
  }
  return {};
}

// Nothing is gained in a pass that ends before the layer. Experts have their own idea of rows, and so has
// whoever looks at hidden states.
void place_late(const DecodeRequest& request, const ModelConfig& config, PassPlan& plan) {
  const LateRows& late = request.late;
  const bool reached = late.layer < static_cast<int>(plan.demands.size());
  if (late.segment < 0 || late.layer == 0 || !reached || config.experts > 0 || request.on_hidden) return;
  const SegmentPlace& place = plan.segment(late.segment);
  HW_CHECK(place.rows > 0 && place.row + place.rows == plan.rows() && place.row > 0);
  plan.late = {late.segment, late.layer, late.hidden != nullptr};
  HW_CHECK(!plan.late.given || static_cast<int64_t>(late.hidden->size()) == place.rows * config.width);
}

RowCut cut_all(const PassPlan& plan, const PromptLayout& prompt, const ModelConfig& config, int64_t rows,
               int threads) {
  std::vector<char> runs;
  for (const SegmentPlace& place : plan.segments) runs.push_back(place.rows > 0 && place.row < rows ? 1 : 0);
  return {cut_attention(prompt, runs, config, threads), cut_rows(plan, rows, 1),
          cut_rows(plan, rows, threads)};
}

}  // namespace

Result<PassPlan> plan_pass(const DecodeRequest& request, const ModelWeights& weights, int threads) {
  const ModelConfig& config = weights.config;
  const PromptLayout& prompt = *request.prompt;
  PassPlan plan;
  plan.segments.resize(prompt.segments.size());
  plan_layers(request, weights, plan);
  HW_RETURN_IF_ERROR(take_given(request, config, plan));
  place_segments(prompt, plan);
  HW_CHECK(plan.rows() > 0);
  place_late(request, config, plan);
  plan.groups = read_rows(request, plan);
  plan.every = cut_all(plan, prompt, config, plan.rows(), threads);
  if (plan.late.given) {
    plan.early = cut_all(plan, prompt, config, plan.segment(plan.late.segment).row, threads);
  }
  return plan;
}

}  // namespace headwise
