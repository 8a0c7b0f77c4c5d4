// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include <algorithm>
#include <chrono>
#include <new>

#include "base/check.h"
#include "decoder/cpu/decoder_impl.h"

namespace headwise {
namespace {

using kernels::AttendArgs;
using kernels::kQueryTile;
using kernels::kRowTile;
using kernels::PackedMatrix;
using kernels::ReadArgs;

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Tiles of kRowTile rows, as many as every thread gets the same number of; what is left is cut into equal
// pieces of whole grains.
std::vector<RowTile> cut_rows(int64_t tokens, int64_t threads, int64_t grain,
                              std::span<const RowGroup> wanted) {
  std::vector<RowTile> tiles;
  const auto add = [&](int64_t begin, int64_t rows) {
    const bool read = std::any_of(wanted.begin(), wanted.end(), [&](const RowGroup& group) {
      return group.token_begin < begin + rows && begin < group.token_begin + group.tokens;
    });
    tiles.push_back({begin, rows, kernels::round_up(rows, grain), read});
  };
  const int64_t whole = tokens / kRowTile / threads * threads;
  for (int64_t i = 0; i < whole; ++i) add(i * kRowTile, kRowTile);
  const int64_t rest = tokens - whole * kRowTile;  // less than threads * kRowTile, and a part of a tile
  const int64_t piece = kernels::round_up(std::max<int64_t>((rest + threads - 1) / threads, 1), grain);
  for (int64_t begin = whole * kRowTile; begin < tokens; begin += std::min(piece, kRowTile)) {
    add(begin, std::min({piece, kRowTile, tokens - begin}));
  }
  return tiles;
}

void add_bias(float* x, int64_t rows, const float* bias, int64_t columns, const kernels::KernelTable& ops) {
  for (int64_t row = 0; row < rows; ++row) ops.add(x + row * columns, bias, columns);
}

}  // namespace

void Decoder::Impl::prepare(const DecodeRequest& request) {
  request_ = &request;
  prompt_ = request.prompt;
  heads_by_layer_.assign(static_cast<size_t>(config_.layers), {});
  for (HeadId id : request.heads) heads_by_layer_[static_cast<size_t>(id.layer)].push_back(id.head);
  for (std::vector<int>& heads : heads_by_layer_) std::sort(heads.begin(), heads.end());

  query_tiles_.clear();
  for (const PromptSegment& segment : prompt_->segments) {
    for (int64_t row = 0; row < segment.tokens; row += kQueryTile) {
      query_tiles_.push_back({&segment, row, std::min(kQueryTile, segment.tokens - row)});
    }
  }
  whole_tiles_ = cut_rows(prompt_->tokens(), 1, kRowTile, request.rows);
  even_tiles_ = cut_rows(prompt_->tokens(), pool_.size(), kernels::kRowGrain, request.rows);
  buffers_.prepare(config_, *prompt_);
  for (WorkerScratch& worker : workers_) worker.prepare(config_, prompt_->key_count);
  few_rows_ = prompt_->tokens() <= kRowTile;
  if (few_rows_) {
    few_keys_.reserve(static_cast<size_t>(config_.kv_heads * kRowTile * config_.head_width));
    few_values_.reserve(static_cast<size_t>(config_.kv_heads * kRowTile * config_.head_width));
  }
  rotary_.reserve(1 + *std::max_element(prompt_->positions.begin(), prompt_->positions.end()));
}

void Decoder::Impl::embed() {
  pool_.parallel_for(static_cast<int64_t>(whole_tiles_.size()), [&](int64_t i, int) {
    const RowTile& tile = whole_tiles_[static_cast<size_t>(i)];
    for (int64_t token = tile.begin; token < tile.begin + tile.rows; ++token) {
      weights_.embed(prompt_->ids[static_cast<size_t>(token)],
                     buffers_.hidden_TC.data() + token * config_.width);
    }
  });
}

void Decoder::Impl::norm_rows(const std::vector<float>& norm, const RowTile& tile, int64_t rows, float* out) {
  const int64_t C = config_.width;
  const float* hidden = buffers_.hidden_TC.data() + tile.begin * C;
  for (int64_t row = 0; row < rows; ++row) {
    ops_.rms_norm(hidden + row * C, norm.data(), C, static_cast<float>(config_.norm_epsilon), out + row * C);
  }
}

void Decoder::Impl::project_head(const PackedMatrix& panel, const std::vector<float>& bias, int head,
                                 const RowTile& tile, const float* normed, WorkerScratch& worker,
                                 float* out) {
  const int64_t D = config_.head_width;
  worker.gemm.multiply(normed, tile.rows, panel, out);
  if (!bias.empty()) add_bias(out, tile.rows, bias.data() + head * D, D, ops_);
}

void Decoder::Impl::rotate_rows(const std::vector<float>& norm, const RowTile& tile, float* x, float scale) {
  const int64_t D = config_.head_width;
  for (int64_t row = 0; row < tile.rows; ++row, x += D) {
    if (!norm.empty()) ops_.rms_norm(x, norm.data(), D, static_cast<float>(config_.norm_epsilon), x);
    const int64_t position = prompt_->positions[static_cast<size_t>(tile.begin + row)];
    ops_.rotate(x, rotary_.cos(position), rotary_.sin(position), D, scale);
  }
}

void Decoder::Impl::store_keys(const float* rows, int64_t kv_head, const RowTile& tile) {
  const int64_t D = config_.head_width;
  float* keys = buffers_.key_KS.data() + kv_head * prompt_->key_count * D;
  for (int64_t row = 0; row < tile.rows; ++row) {
    const int64_t slot = buffers_.slot_of_T[static_cast<size_t>(tile.begin + row)];
    float* column = keys + slot / kernels::kKeyTile * kernels::kKeyTile * D + slot % kernels::kKeyTile;
    for (int64_t d = 0; d < D; ++d) column[d * kernels::kKeyTile] = rows[row * D + d];
  }
}

void Decoder::Impl::store_values(const float* rows, int64_t kv_head, const RowTile& tile) {
  const int64_t D = config_.head_width;
  const int64_t stride = kernels::padded_width(D);
  float* values = buffers_.value_KS.data() + kv_head * prompt_->key_count * stride;
  for (int64_t row = 0; row < tile.rows; ++row) {
    const int64_t slot = buffers_.slot_of_T[static_cast<size_t>(tile.begin + row)];
    std::copy_n(rows + row * D, D, values + slot * stride);
  }
}

void Decoder::Impl::project_key(const PackedLayer& layer, int head, const RowTile& tile, const float* normed,
                                WorkerScratch& worker) {
  float* rows = worker.projected.data();
  project_head(layer.key[static_cast<size_t>(head)], layer.vector(LayerTensor::kKeyBias), head, tile, normed,
               worker, rows);
  rotate_rows(layer.vector(LayerTensor::kKeyNorm), tile, rows, 1.0f);
  store_keys(rows, head, tile);
}

void Decoder::Impl::project_value(const PackedLayer& layer, int head, const RowTile& tile,
                                  const float* normed, WorkerScratch& worker) {
  float* rows = worker.projected.data();
  project_head(layer.value[static_cast<size_t>(head)], layer.vector(LayerTensor::kValueBias), head, tile,
               normed, worker, rows);
  store_values(rows, head, tile);
}

void Decoder::Impl::project_query(const PackedLayer& layer, int head, const RowTile& tile,
                                  const float* normed, WorkerScratch& worker) {
  float* rows = queries_of(head) + tile.begin * config_.head_width;
  project_head(layer.query[static_cast<size_t>(head)], layer.vector(LayerTensor::kQueryBias), head, tile,
               normed, worker, rows);
  rotate_rows(layer.vector(LayerTensor::kQueryNorm), tile, rows, query_scale());
}

void Decoder::Impl::project_tile(const PackedLayer& layer, const LayerDemand& demand, const RowTile& tile,
                                 WorkerScratch& worker) {
  float* normed = worker.normed.data();
  norm_rows(layer.vector(LayerTensor::kAttentionNorm), tile, tile.padded, normed);
  if (!demand.whole) {
    for (int head : demand.key_heads) project_key(layer, head, tile, normed, worker);
    if (!tile.has_query_rows) return;
    for (int head : demand.query_heads) project_query(layer, head, tile, normed, worker);
    return;
  }
  for (int head = 0; head < config_.kv_heads; ++head) {
    project_key(layer, head, tile, normed, worker);
    project_value(layer, head, tile, normed, worker);
  }
  for (int head = 0; head < config_.heads; ++head) project_query(layer, head, tile, normed, worker);
}

void Decoder::Impl::attend_tile(int64_t head, const QueryTile& tile, WorkerScratch& worker) {
  const int64_t D = config_.head_width;
  const int64_t token = tile.segment->token_begin + tile.first_row;
  AttendArgs args;
  args.queries = queries_of(head) + token * D;
  args.query_stride = D;
  args.rows = tile.rows;
  args.keys = keys_of(head);
  args.values = values_of(head);
  args.head_width = D;
  args.visible = {tile.segment->context.data(), static_cast<int64_t>(tile.segment->context.size()),
                  tile.segment->key_begin, tile.first_row};
  args.out_stride = config_.heads * D;
  args.out = buffers_.mixed_THD.data() + token * args.out_stride + head * D;
  args.scratch = worker.attention.data();
  ops_.attend(args);
}

void Decoder::Impl::finish_tile(const PackedLayer& layer, const RowTile& tile, WorkerScratch& worker) {
  const int64_t C = config_.width;
  const int64_t F = config_.ffn_width;
  const int64_t HD = config_.heads * config_.head_width;
  const int64_t rows = tile.rows;
  float* hidden = buffers_.hidden_TC.data() + tile.begin * C;
  const auto project = [&](const float* x, const PackedMatrix& matrix, LayerTensor bias, float* out) {
    worker.gemm.multiply(x, rows, matrix, out);
    if (const std::vector<float>& b = layer.vector(bias); !b.empty()) {
      add_bias(out, rows, b.data(), matrix.outputs(), ops_);
    }
  };
  float* projected = worker.projected.data();
  project(buffers_.mixed_THD.data() + tile.begin * HD, layer.output, LayerTensor::kOutputBias, projected);
  ops_.add(hidden, projected, rows * C);
  norm_rows(layer.vector(LayerTensor::kFfnNorm), tile, tile.padded, worker.normed.data());
  project(worker.normed.data(), layer.gate, LayerTensor::kGateBias, worker.gate.data());
  project(worker.normed.data(), layer.up, LayerTensor::kUpBias, projected);
  ops_.silu_multiply(worker.gate.data(), projected, rows * F);
  project(worker.gate.data(), layer.down, LayerTensor::kDownBias, projected);
  ops_.add(hidden, projected, rows * C);
}

void Decoder::Impl::attend() {
  const auto tiles = static_cast<int64_t>(query_tiles_.size());
  // Heads outermost, longest rows first: neighbours in time share a head's keys, and the tail is short.
  pool_.parallel_for(config_.heads * tiles, [&](int64_t task, int w) {
    attend_tile(task / tiles, query_tiles_[static_cast<size_t>(tiles - 1 - task % tiles)],
                workers_[static_cast<size_t>(w)]);
  });
}

void Decoder::Impl::run_layer(const PackedLayer& layer, const LayerDemand& demand) {
  for_each_tile(
      layer, [&](const RowTile& tile, WorkerScratch& worker) { project_tile(layer, demand, tile, worker); });
  if (!demand.whole) return;
  attend();
  for_each_tile(layer, [&](const RowTile& tile, WorkerScratch& worker) { finish_tile(layer, tile, worker); });
}

void Decoder::Impl::read_layer(int layer, const std::vector<int>& heads) {
  const auto groups = static_cast<int64_t>(request_->rows.size());
  const int64_t key_count = prompt_->key_count;
  const int64_t total = static_cast<int64_t>(heads.size()) * groups * key_count;
  attention_sums_.reserve(static_cast<size_t>(total));
  pool_.parallel_for(static_cast<int64_t>(heads.size()) * groups, [&](int64_t task, int w) {
    const int head = heads[static_cast<size_t>(task / groups)];
    const RowGroup& group = request_->rows[static_cast<size_t>(task % groups)];
    float* sums = attention_sums_.data() + task * key_count;
    std::fill_n(sums, key_count, 0.0f);
    if (group.tokens == 0) return;
    const auto segment =
        std::find_if(prompt_->segments.begin(), prompt_->segments.end(), [&](const PromptSegment& candidate) {
          return group.token_begin >= candidate.token_begin &&
                 group.token_begin < candidate.token_begin + candidate.tokens;
        });
    HW_CHECK(segment != prompt_->segments.end());
    ReadArgs args;
    args.queries = queries_of(head) + group.token_begin * config_.head_width;
    args.query_stride = config_.head_width;
    args.rows = group.tokens;
    args.keys = keys_of(head);
    args.head_width = config_.head_width;
    args.visible = {segment->context.data(), static_cast<int64_t>(segment->context.size()),
                    segment->key_begin, group.token_begin - segment->token_begin};
    args.key_count = key_count;
    args.attention_sum = sums;
    args.scratch = workers_[static_cast<size_t>(w)].attention.data();
    ops_.read(args);
  });
  LayerAttention attention;
  attention.layer = layer;
  attention.heads = heads;
  attention.groups = groups;
  attention.key_count = key_count;
  attention.sums = attention_sums_.data();
  if (request_->on_layer) request_->on_layer(attention);
}

Result<DecodeStatistics> Decoder::Impl::run(const DecodeRequest& request) {
  HW_CHECK(request.keep == nullptr || request.prompt->segments.front().tokens <= kernels::kKeyTile);
  prepare(request);
  embed();
  int deepest = -1;
  for (int layer = 0; layer < config_.layers; ++layer) {
    if (!heads_by_layer_[static_cast<size_t>(layer)].empty()) deepest = layer;
  }
  const bool whole_model = request.full_depth || request.on_hidden;
  const int all = static_cast<int>(config_.layers);
  const int whole =
      request.on_hidden && request.hidden_until >= 0 ? std::min(request.hidden_until + 1, all) : all;
  const int layers = whole_model ? std::max(whole, deepest + 1) : deepest + 1;
  DecodeStatistics statistics;
  for (int index = 0; index < layers; ++index) {
    if (request.progress != nullptr && request.progress->stop_requested()) {
      return fail(ErrorCode::kCancelled,
                  "stopped after layer " + std::to_string(index) + " of " + std::to_string(layers));
    }
    const std::vector<int>& heads = heads_by_layer_[static_cast<size_t>(index)];
    LayerDemand demand;
    demand.whole = whole_model || index < deepest;
    if (!demand.whole) {
      demand.query_heads = heads;
      for (int head : heads)
        demand.key_heads.push_back(head / static_cast<int>(config_.heads / config_.kv_heads));
      demand.key_heads.erase(std::unique(demand.key_heads.begin(), demand.key_heads.end()),
                             demand.key_heads.end());
    }
    if (request.before != nullptr) place_kept(*request.before, index);
    if (few_rows_) {
      run_few_rows(index, demand);
    } else {
      run_layer(packed_.layer(index, demand, pool_, packers_, scratch_layer_), demand);
    }
    if (request.keep != nullptr) keep_tokens(*request.keep);
    if (!heads.empty()) {
      const auto start = std::chrono::steady_clock::now();
      read_layer(index, heads);
      statistics.read_seconds += seconds_since(start);
    }
    if (request.on_hidden) request.on_hidden(index, buffers_.hidden_TC.data());
    ++statistics.layers_run;
  }
  return statistics;
}

Result<Decoder> Decoder::create(std::shared_ptr<const ModelWeights> weights, int threads) {
  auto kernels = kernels::select_kernels();
  HW_RETURN_IF_ERROR(kernels);
  return Decoder(std::make_unique<Impl>(std::move(weights), threads, **kernels));
}

Decoder::Decoder(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Decoder::Decoder(Decoder&&) noexcept = default;
Decoder& Decoder::operator=(Decoder&&) noexcept = default;
Decoder::~Decoder() = default;
int Decoder::threads() const { return impl_->threads(); }

Result<DecodeStatistics> Decoder::run(const DecodeRequest& request) {
  try {
    return impl_->run(request);
  } catch (const std::bad_alloc&) {
    return fail(ErrorCode::kResourceLimit, "out of memory for a prompt of " +
                                               std::to_string(request.prompt->tokens()) +
                                               " tokens; use fewer or shorter passages");
  }
}

}  // namespace headwise
