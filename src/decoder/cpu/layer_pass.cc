// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "decoder/cpu/layer_pass.h"

#include <algorithm>

namespace headwise {

using kernels::kRowTile;

void LayerPass::embed() {
  const std::vector<RowTile>& tiles = tools_.plan.whole_tiles;
  tools_.pool.parallel_for(static_cast<int64_t>(tiles.size()), [&](int64_t i, int) {
    const RowTile& tile = tiles[static_cast<size_t>(i)];
    for (int64_t row = tile.begin; row < tile.begin + tile.rows; ++row) {
      tools_.weights.embed(tools_.plan.ids[static_cast<size_t>(row)],
                           tools_.scratch.hidden_TC.data() + row * config_.width);
    }
  });
}

void LayerPass::run(int layer, const LayerDemand& demand) {
  spec_ = &tools_.weights.spec.layers[static_cast<size_t>(layer)];
  products_.begin_layer(layer, demand);
  tools_.scratch.keys.begin_layer(layer);
  products_.for_each_tile(
      [&](const RowTile& tile, WorkerScratch& worker) { project_tile(demand, tile, worker); });
  if (!demand.whole) return;
  attend();
  products_.for_each_tile([&](const RowTile& tile, WorkerScratch& worker) { finish_tile(tile, worker); });
}

void LayerPass::norm_rows(LayerTensor norm, const RowTile& tile, float* out) {
  const int64_t C = config_.width;
  const float* hidden = tools_.scratch.hidden_TC.data() + tile.begin * C;
  const float* weights = vector(norm).data();
  const auto epsilon = static_cast<float>(spec_->norm_epsilon);
  for (int64_t row = 0; row < tile.rows; ++row) {
    tools_.ops.rms_norm(hidden + row * C, weights, C, epsilon, out + row * C);
  }
}

void LayerPass::rotate_rows(LayerTensor norm, int64_t begin, int64_t rows, float* x, float scale) {
  const int64_t D = config_.head_width;
  const std::vector<float>& weights = vector(norm);
  const RotaryTable& rotary = rotary_[static_cast<size_t>(spec_->rotary)];
  const auto epsilon = static_cast<float>(spec_->norm_epsilon);
  for (int64_t row = begin; row < begin + rows; ++row, x += D) {
    if (!weights.empty()) tools_.ops.rms_norm(x, weights.data(), D, epsilon, x);
    const int64_t position = tools_.plan.positions[static_cast<size_t>(row)];
    tools_.ops.rotate(x, rotary.cos(position), rotary.sin(position), D, scale);
  }
}

void LayerPass::list_products(const LayerDemand& demand, const RowTile& tile, WorkerScratch& worker,
                              std::vector<Product>& products) {
  const int64_t D = config_.head_width;
  const auto key = [&](int head) {
    products.push_back({LayerTensor::kKey, head, worker.keys.data() + head * kRowTile * D});
  };
  const auto query = [&](int head) {
    products.push_back({LayerTensor::kQuery, head, queries_of(head) + tile.begin * D});
  };
  if (!demand.whole) {
    for (const int head : demand.key_heads) key(head);
    if (!tile.has_query_rows) return;
    for (const int head : demand.query_heads) query(head);
    return;
  }
  for (int head = 0; head < config_.kv_heads; ++head) {
    key(head);
    products.push_back({LayerTensor::kValue, head, worker.values.data() + head * kRowTile * D});
  }
  for (int head = 0; head < config_.heads; ++head) query(head);
}

void LayerPass::project_tile(const LayerDemand& demand, const RowTile& tile, WorkerScratch& worker) {
  float* normed = worker.normed.data();
  norm_rows(LayerTensor::kAttentionNorm, tile, normed);
  std::vector<Product>& products = worker.products;
  products.clear();
  list_products(demand, tile, worker, products);
  products_.multiply(
      normed, tile, products, worker, [&](const Product& product, int64_t first, int64_t rows) {
        finish_head(product, tile.begin + first, rows, product.out + first * config_.head_width);
      });
}

void LayerPass::finish_head(const Product& product, int64_t begin, int64_t rows, float* x) {
  switch (product.matrix) {
    case LayerTensor::kQuery:
      return rotate_rows(LayerTensor::kQueryNorm, begin, rows, x, static_cast<float>(spec_->query_scale));
    case LayerTensor::kKey:
      rotate_rows(LayerTensor::kKeyNorm, begin, rows, x, 1.0f);
      return tools_.scratch.keys.store_keys(x, product.head, begin, rows);
    default:
      tools_.scratch.keys.store_values(x, product.head, begin, rows);
  }
}

void LayerPass::attend() {
  const std::vector<AttendTask>& all = tools_.plan.attend_tasks;
  const auto tasks = static_cast<int64_t>(all.size());
  // Heads outermost, longest rows first: neighbours in time share a head's keys, and the tail is short.
  tools_.pool.parallel_for(config_.kv_heads * tasks, [&](int64_t i, int w) {
    attend_task(i / tasks, all[static_cast<size_t>(tasks - 1 - i % tasks)],
                tools_.scratch.workers[static_cast<size_t>(w)]);
  });
}

// Calls visit(query row of the part, row of the pass, head) for a part's rows, in order.
template <typename Visit>
void LayerPass::for_each_query_row(int64_t kv_head, const AttendPart& part, const Visit& visit) const {
  const int64_t heads = heads_of_kv_head();
  const int64_t begin = tools_.plan.segment(part.segment).row;
  for (int64_t i = 0; i < part.rows; ++i) {
    const int64_t query = part.first + i;
    visit(i, begin + query / heads, kv_head * heads + query % heads);
  }
}

void LayerPass::attend_task(int64_t kv_head, const AttendTask& task, WorkerScratch& worker) {
  const int64_t D = config_.head_width;
  float* queries = worker.queries.data();
  float* out = queries + kernels::kAttendRows * D;
  kernels::AttendArgs args{.queries = queries,
                           .head_width = D,
                           .heads = heads_of_kv_head(),
                           .shared = {},
                           .parts = {},
                           .out = out,
                           .scratch = worker.attention.data()};
  worker.parts.clear();
  for (const AttendPart& part : task.parts) {
    const kernels::Visibility visible = tools_.scratch.keys.seen_by(part.segment, kv_head, 0);
    const auto shared = static_cast<size_t>(task.shared);
    args.shared = visible.context.first(shared);
    worker.parts.push_back({part.rows, part.first, visible.context.subspan(shared), visible.own});
    for_each_query_row(kv_head, part, [&](int64_t i, int64_t row, int64_t head) {
      std::copy_n(queries_of(head) + row * D, D, queries + i * D);
    });
    queries += part.rows * D;
  }
  args.parts = worker.parts;
  tools_.ops.attend(args);
  for (const AttendPart& part : task.parts) {
    for_each_query_row(kv_head, part, [&](int64_t i, int64_t row, int64_t head) {
      std::copy_n(out + i * D, D, tools_.scratch.mixed_THD.data() + (row * config_.heads + head) * D);
    });
    out += part.rows * D;
  }
}

void LayerPass::finish_tile(const RowTile& tile, WorkerScratch& worker) {
  const int64_t HD = config_.heads * config_.head_width;
  float* hidden = tools_.scratch.hidden_TC.data() + tile.begin * config_.width;
  const float* mixed = tools_.scratch.mixed_THD.data() + tile.begin * HD;
  products_.add_product(mixed, tile, LayerTensor::kOutput, hidden, worker);
  norm_rows(LayerTensor::kFfnNorm, tile, worker.normed.data());
  products_.multiply_gated(worker.normed.data(), tile, worker.gate.data(), worker);
  products_.add_product(worker.gate.data(), tile, LayerTensor::kDown, hidden, worker);
}

LayerAttention LayerPass::read(int layer) {
  const PassPlan& plan = tools_.plan;
  const std::vector<int>& heads = plan.heads_by_layer[static_cast<size_t>(layer)];
  const auto groups = static_cast<int64_t>(plan.groups.size());
  const auto tasks = static_cast<int64_t>(heads.size()) * groups;
  AlignedBuffer<float>& all_sums = tools_.scratch.sums;
  all_sums.reserve(static_cast<size_t>(tasks * plan.key_count));
  tools_.pool.parallel_for(tasks, [&](int64_t task, int w) {
    const int head = heads[static_cast<size_t>(task / groups)];
    const ReadRows& group = plan.groups[static_cast<size_t>(task % groups)];
    float* sums = all_sums.data() + task * plan.key_count;
    std::fill_n(sums, plan.key_count, 0.0f);
    if (group.rows == 0) return;
    kernels::ReadArgs args;
    args.queries =
        queries_of(head) + (plan.segment(group.segment).row + group.first_row) * config_.head_width;
    args.query_stride = config_.head_width;
    args.rows = group.rows;
    args.head_width = config_.head_width;
    args.visible = tools_.scratch.keys.seen_by(group.segment, kv_head_of(head), group.first_row);
    args.attention_sum = sums;
    args.scratch = tools_.scratch.workers[static_cast<size_t>(w)].attention.data();
    tools_.ops.read(args);
  });
  return {layer, heads, groups, plan.key_count, all_sums.data(), tools_.scratch.keys.layer_keys()};
}

}  // namespace headwise
