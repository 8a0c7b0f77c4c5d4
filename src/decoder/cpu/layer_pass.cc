// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "decoder/cpu/layer_pass.h"

#include <algorithm>

#include "base/check.h"
#include "model/layer_spec.h"

namespace headwise {

using kernels::kRowTile;

void LayerPass::embed() {
  const auto multiplier = static_cast<float>(tools_.weights.spec.embedding_multiplier);
  const std::vector<RowTile>& tiles = tools_.plan.cut(0).whole_tiles;
  tools_.pool.parallel_for(static_cast<int64_t>(tiles.size()), [&](int64_t i, int) {
    const RowTile& tile = tiles[static_cast<size_t>(i)];
    for (int64_t row = tile.begin; row < tile.begin + tile.rows; ++row) {
      float* hidden = tools_.scratch.hidden_TC.data() + row * config_.width;
      tools_.weights.embed(tools_.plan.ids[static_cast<size_t>(row)], hidden);
      if (multiplier == 1.0f) continue;
      for (int64_t c = 0; c < config_.width; ++c) hidden[c] *= multiplier;
    }
  });
}

void LayerPass::run(int layer, const LayerDemand& demand) {
  layer_ = layer;
  spec_ = &tools_.weights.spec.layers[static_cast<size_t>(layer)];
  products_.begin_layer(layer, demand);
  tools_.scratch.keys.begin_layer(layer);
  products_.for_each_tile(
      [&](const RowTile& tile, WorkerScratch& worker) { project_tile(demand, tile, worker); });
  if (!demand.whole) return;
  attend();
  if (!spec_->routed()) {
    products_.for_each_tile([&](const RowTile& tile, WorkerScratch& worker) { finish_tile(tile, worker); });
    return;
  }
  experts_.begin(*spec_);
  products_.for_each_tile([&](const RowTile& tile, WorkerScratch& worker) {
    experts_.choose(finish_attention(tile, worker, experts_.input_of(tile)), tile, worker);
  });
  experts_.run();
  products_.for_each_tile([&](const RowTile& tile, WorkerScratch& worker) {
    float* out = worker.normed.data();
    experts_.sum(tile, out);
    add_rows(out, LayerTensor::kFfnPostNorm, tile);
  });
}

void LayerPass::norm_rows(LayerTensor norm, const RowTile& tile, float* out) {
  const int64_t C = config_.width;
  const float* hidden = tools_.scratch.hidden_TC.data() + tile.begin * C;
  const float* weights = vector(norm).data();
  const auto epsilon = static_cast<float>(spec_->norm_epsilon);
  products_.for_row_parts(tile.rows, [&](int64_t first, int64_t rows) {
    for (int64_t row = first; row < first + rows; ++row) {
      tools_.ops.rms_norm(hidden + row * C, weights, C, epsilon, out + row * C);
    }
  });
}

void LayerPass::rotate_rows(LayerTensor norm, int64_t begin, int64_t rows, float* x, float scale) {
  const int64_t D = config_.head_width;
  const std::vector<float>& weights = vector(norm);
  const auto epsilon = static_cast<float>(spec_->norm_epsilon);
  for (int64_t row = begin; row < begin + rows; ++row, x += D) {
    if (!weights.empty()) tools_.ops.rms_norm(x, weights.data(), D, epsilon, x);
    rotate_row(row, x, scale);
  }
}

void LayerPass::rotate_row(int64_t row, float* x, float scale) {
  int64_t turned = 0;
  if (spec_->rotary != kNoRotary) {
    const RotaryTable& rotary = rotary_[static_cast<size_t>(spec_->rotary)];
    const int64_t position = tools_.plan.positions[static_cast<size_t>(row)];
    turned = rotary.width();
    tools_.ops.rotate(x, rotary.cos(position), rotary.sin(position), turned, scale);
  }
  for (int64_t d = turned; d < config_.head_width; ++d) x[d] *= scale;
}

void LayerPass::finish_wide(LayerTensor norm, const RowTile& tile, WorkerScratch& worker) {
  const bool query = norm == LayerTensor::kQueryWideNorm;
  const LayerTensor matrix = query ? LayerTensor::kQuery : LayerTensor::kKey;
  const int64_t D = config_.head_width;
  const int64_t heads = query ? config_.heads : config_.kv_heads;
  const float scale = query ? static_cast<float>(spec_->query_scale) : 1.0f;
  float* all = worker.projected.data();  // a row's heads side by side
  for (int64_t row = 0; row < tile.rows; ++row) {
    int64_t found = 0;
    for (const Product& product : worker.products) {
      if (product.matrix != matrix) continue;
      std::copy_n(product.out + row * D, D, all + product.head * D);
      ++found;
    }
    if (found == 0) return;  // a tile without query rows
    HW_CHECK(found == heads);
    tools_.ops.rms_norm(all, vector(norm).data(), heads * D, static_cast<float>(spec_->norm_epsilon), all);
    for (const Product& product : worker.products) {
      if (product.matrix != matrix) continue;
      float* x = product.out + row * D;
      std::copy_n(all + product.head * D, D, x);
      rotate_row(tile.begin + row, x, scale);
    }
  }
  if (query) return;
  for (const Product& product : worker.products) {
    if (product.matrix != matrix) continue;
    tools_.scratch.keys.store_keys(product.out, product.head, tile.begin, tile.rows);
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
  const float* x = tools_.scratch.hidden_TC.data() + tile.begin * config_.width;
  if (spec_->norm_before_attention) {
    norm_rows(LayerTensor::kAttentionNorm, tile, worker.normed.data());
    x = worker.normed.data();
  }
  std::vector<Product>& products = worker.products;
  products.clear();
  list_products(demand, tile, worker, products);
  products_.multiply(x, tile, products, worker, [&](const Product& product, int64_t first, int64_t rows) {
    if (spec_->wide_qk_norm && product.matrix != LayerTensor::kValue) return;
    finish_head(product, tile.begin + first, rows, product.out + first * config_.head_width);
  });
  if (!spec_->wide_qk_norm) return;
  finish_wide(LayerTensor::kQueryWideNorm, tile, worker);
  finish_wide(LayerTensor::kKeyWideNorm, tile, worker);
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
  const std::vector<AttendTask>& tasks = tools_.plan.cut(layer_).attend_tasks;
  tools_.pool.parallel_for(static_cast<int64_t>(tasks.size()), [&](int64_t i, int w) {
    attend_task(tasks[static_cast<size_t>(i)], tools_.scratch.workers[static_cast<size_t>(w)]);
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

void LayerPass::attend_task(const AttendTask& task, WorkerScratch& worker) {
  const int64_t D = config_.head_width;
  float* queries = worker.queries.data();
  float* out = queries + kernels::kAttendRows * D;
  kernels::AttendArgs args{.queries = queries,
                           .head_width = D,
                           .heads = heads_of_kv_head(),
                           .rules = logit_rules(),
                           .shared = {},
                           .parts = {},
                           .out = out,
                           .scratch = worker.attention.data()};
  worker.parts.clear();
  for (const AttendPart& part : task.parts) {
    const kernels::Visibility visible = tools_.scratch.keys.seen_by(part.segment, task.kv_head, 0);
    const auto shared = static_cast<size_t>(task.shared);
    args.shared = visible.context.first(shared);
    worker.parts.push_back({part.rows, part.first, visible.context.subspan(shared), visible.own});
    for_each_query_row(task.kv_head, part, [&](int64_t i, int64_t row, int64_t head) {
      std::copy_n(queries_of(head) + row * D, D, queries + i * D);
    });
    queries += part.rows * D;
  }
  args.parts = worker.parts;
  tools_.ops.attend(args);
  for (const AttendPart& part : task.parts) {
    for_each_query_row(task.kv_head, part, [&](int64_t i, int64_t row, int64_t head) {
      std::copy_n(out + i * D, D, tools_.scratch.mixed_THD.data() + (row * config_.heads + head) * D);
    });
    out += part.rows * D;
  }
}

const float* LayerPass::finish_attention(const RowTile& tile, WorkerScratch& worker, float* normed) {
  const int64_t HD = config_.heads * config_.head_width;
  float* hidden = tools_.scratch.hidden_TC.data() + tile.begin * config_.width;
  const float* mixed = tools_.scratch.mixed_THD.data() + tile.begin * HD;
  add_to_hidden(mixed, LayerTensor::kOutput, LayerTensor::kAttentionPostNorm, tile, worker);
  if (!spec_->norm_before_mlp) return hidden;
  norm_rows(LayerTensor::kFfnNorm, tile, normed);
  return normed;
}

void LayerPass::finish_tile(const RowTile& tile, WorkerScratch& worker) {
  const float* x = finish_attention(tile, worker, worker.normed.data());
  products_.multiply_gated(x, tile, spec_->activation, worker.gate.data(), worker);
  add_to_hidden(worker.gate.data(), LayerTensor::kDown, LayerTensor::kFfnPostNorm, tile, worker);
}

void LayerPass::add_to_hidden(const float* x, LayerTensor matrix, LayerTensor norm, const RowTile& tile,
                              WorkerScratch& worker) {
  if (vector(norm).empty() && spec_->residual_multiplier == 1.0) {
    float* hidden = tools_.scratch.hidden_TC.data() + tile.begin * config_.width;
    return products_.add_product(x, tile, matrix, hidden, worker);
  }
  float* out = worker.normed.data();
  products_.multiply_whole(x, tile, matrix, out, worker);
  add_rows(out, norm, tile);
}

void LayerPass::add_rows(float* out, LayerTensor norm, const RowTile& tile) {
  const int64_t C = config_.width;
  float* hidden = tools_.scratch.hidden_TC.data() + tile.begin * C;
  const std::vector<float>& weights = vector(norm);
  const auto multiplier = static_cast<float>(spec_->residual_multiplier);
  const auto epsilon = static_cast<float>(spec_->norm_epsilon);
  products_.for_row_parts(tile.rows, [&](int64_t first, int64_t rows) {
    for (int64_t row = first; row < first + rows; ++row) {
      float* added = out + row * C;
      if (!weights.empty()) tools_.ops.rms_norm(added, weights.data(), C, epsilon, added);
      tools_.ops.add_scaled(hidden + row * C, added, multiplier, C);
    }
  });
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
    if (group.rows == 0 || (plan.skips_late(layer) && group.segment == plan.late.segment)) return;
    kernels::ReadArgs args;
    args.queries =
        queries_of(head) + (plan.segment(group.segment).row + group.first_row) * config_.head_width;
    args.query_stride = config_.head_width;
    args.rows = group.rows;
    args.head_width = config_.head_width;
    args.rules = logit_rules();
    args.visible = tools_.scratch.keys.seen_by(group.segment, kv_head_of(head), group.first_row);
    args.attention_sum = sums;
    args.scratch = tools_.scratch.workers[static_cast<size_t>(w)].attention.data();
    tools_.ops.read(args);
  });
  return {layer, heads, groups, plan.key_count, all_sums.data(), tools_.scratch.keys.layer_keys()};
}

}  // namespace headwise
