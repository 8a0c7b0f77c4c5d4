// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "decoder/cuda/layer_on_device_pass.h"

#include <algorithm>

namespace headwise::device {

void LayerOnDevicePass::embed() {
  queue_.launch(kEmbed, tools_.type,
                EmbedArgs{.table = tools_.brought.embedding(),
                          .ids = tools_.tables.ids(),
                          .hidden = tools_.memory.hidden,
                          .rows = tools_.plan.rows(),
                          .width = config_.width,
                          .multiplier = static_cast<float>(tools_.weights.spec.embedding_multiplier)});
}

void LayerOnDevicePass::run(int index, const LayerDemand& demand) {
  layer_ = &tools_.brought.layer(index);
  spec_ = &tools_.weights.spec.layers[static_cast<size_t>(index)];
  const PassMemory& memory = tools_.memory;
  norm(LayerTensor::kAttentionNorm);
  // Also where few heads are read: the same product, the same bits.
  multiply(memory.normed, tools_.plan.rows(), layer_->qkv, config_.width, heads_width(), memory.heads);
  finish_heads();
  const bool read = !tools_.plan.heads_by_layer[static_cast<size_t>(index)].empty();
  if (demand.whole || read) attend(index, demand.whole);
  if (!demand.whole) return;
  add({memory.mixed, layer_->output, config_.heads * config_.head_width, LayerTensor::kOutputBias,
       LayerTensor::kAttentionPostNorm},
      0, tools_.plan.rows());
  feed_forward();
}

void LayerOnDevicePass::norm(LayerTensor weights) {
  queue_.launch(kNorm, tools_.type,
                NormArgs{.x = tools_.memory.hidden,
                         .weights = vector(weights),
                         .out = tools_.memory.normed,
                         .rows = tools_.plan.rows(),
                         .width = config_.width,
                         .epsilon = static_cast<float>(spec_->norm_epsilon)});
}

void LayerOnDevicePass::multiply(const void* x, int64_t rows, const void* matrix, int64_t inputs,
                                 int64_t outputs, void* out) {
  queue_.product({.x = x,
                  .x_stride = inputs,
                  .weights = matrix,
                  .out = out,
                  .out_stride = outputs,
                  .rows = rows,
                  .outputs = outputs,
                  .inputs = inputs,
                  .alpha = 1.0f,
                  .beta = 0.0f,
                  .type = tools_.type,
                  .out_type = tools_.type});
}

void LayerOnDevicePass::add(const Branch& branch, int64_t first, int64_t rows) {
  const PassMemory& memory = tools_.memory;
  const auto multiplier = static_cast<float>(spec_->residual_multiplier);
  const float* norm = vector(branch.norm);
  float* hidden = memory.hidden + first * config_.width;
  float* apart = norm == nullptr ? nullptr : memory.branch + first * config_.width;
  queue_.product({.x = branch.x,
                  .x_stride = branch.inputs,
                  .weights = branch.matrix,
                  .out = norm == nullptr ? hidden : apart,
                  .out_stride = config_.width,
                  .rows = rows,
                  .outputs = config_.width,
                  .inputs = branch.inputs,
                  .alpha = norm == nullptr ? multiplier : 1.0f,
                  .beta = norm == nullptr ? 1.0f : 0.0f,
                  .type = tools_.type,
                  .out_type = kFloat});
  if (norm == nullptr && vector(branch.bias) == nullptr) return;
  queue_.launch(kAdd, kFloat,
                AddArgs{.x = apart,
                        .bias = vector(branch.bias),
                        .weights = norm,
                        .hidden = hidden,
                        .rows = rows,
                        .width = config_.width,
                        .epsilon = static_cast<float>(spec_->norm_epsilon),
                        .multiplier = multiplier});
}

void LayerOnDevicePass::norm_wide(LayerTensor weights, int64_t first, int64_t width) {
  queue_.launch(
      kWideNorm, tools_.type,
      WideNormArgs{.x = static_cast<std::byte*>(tools_.memory.heads) + first * bytes_of(tools_.type),
                   .weights = vector(weights),
                   .rows = tools_.plan.rows(),
                   .stride = heads_width(),
                   .width = width,
                   .epsilon = static_cast<float>(spec_->norm_epsilon)});
}

void LayerOnDevicePass::finish_heads() {
  if (spec_->wide_qk_norm) {
    const int64_t HD = config_.heads * config_.head_width;
    norm_wide(LayerTensor::kQueryWideNorm, 0, HD);
    norm_wide(LayerTensor::kKeyWideNorm, HD, config_.kv_heads * config_.head_width);
  }
  HeadsArgs args{.heads = tools_.memory.heads,
                 .bias = layer_->qkv_bias,
                 .q_norm = vector(LayerTensor::kQueryNorm),
                 .k_norm = vector(LayerTensor::kKeyNorm),
                 .cos = nullptr,
                 .sin = nullptr,
                 .positions = tools_.tables.positions(),
                 .rows = tools_.plan.rows(),
                 .stride = heads_width(),
                 .query_heads = config_.heads,
                 .kv_heads = config_.kv_heads,
                 .width = config_.head_width,
                 .turned = 0,
                 .epsilon = static_cast<float>(spec_->norm_epsilon),
                 .query_scale = static_cast<float>(spec_->query_scale)};
  if (spec_->rotary != kNoRotary) {
    const auto place = static_cast<size_t>(spec_->rotary);
    args.cos = tools_.rotary[place].cos;
    args.sin = tools_.rotary[place].sin;
    args.turned = tools_.weights.spec.rotary[place].width;
  }
  queue_.launch(kHeads, tools_.type, args);
}

KeysSeen LayerOnDevicePass::seen(int index) const {
  KeysSeen seen = tools_.tables.seen(index);
  seen.queries = tools_.memory.heads;
  seen.query_stride = heads_width();
  seen.query_heads = config_.heads;
  seen.kv_heads = config_.kv_heads;
  seen.width = config_.head_width;
  seen.window = spec_->window;
  seen.soft_cap = static_cast<float>(spec_->soft_cap);
  return seen;
}

void LayerOnDevicePass::attend(int index, bool whole) {
  AttendArgs args{};
  args.seen = seen(index);
  tools_.tables.set_tasks(args, !whole);
  args.tile_rows = tools_.tile_rows;
  args.out = whole ? tools_.memory.mixed : nullptr;
  args.out_stride = config_.heads * config_.head_width;
  args.log_sums = tools_.memory.log_sums;
  args.parts = tools_.memory.parts;
  queue_.launch(kAttend, tools_.type, args);
  CombineArgs combine{.rows = nullptr,
                      .parts = args.parts,
                      .row_count = 0,
                      .query_heads = config_.heads,
                      .width = config_.head_width,
                      .out = args.out,
                      .out_stride = args.out_stride,
                      .log_sums = args.log_sums};
  tools_.tables.set_rows(combine, !whole);
  if (combine.row_count > 0) queue_.launch(kCombine, tools_.type, combine);
}

void LayerOnDevicePass::feed_forward() {
  const PassMemory& memory = tools_.memory;
  norm(LayerTensor::kFfnNorm);
  const int64_t C = config_.width;
  const int64_t F = config_.ffn_width;
  for (int64_t first = 0; first < tools_.plan.rows(); first += memory.piece_rows) {
    const int64_t rows = std::min(memory.piece_rows, tools_.plan.rows() - first);
    const std::byte* normed =
        static_cast<const std::byte*>(memory.normed) + first * C * bytes_of(tools_.type);
    multiply(normed, rows, layer_->gate_up, C, 2 * F, memory.gate_up);
    queue_.launch(kGate, tools_.type,
                  GateArgs{.gate_up = memory.gate_up,
                           .bias = layer_->gate_up_bias,
                           .out = memory.gated,
                           .rows = rows,
                           .width = F,
                           .gelu = spec_->activation == Activation::kGeluTanh ? 1 : 0});
    add({memory.gated, layer_->down, F, LayerTensor::kDownBias, LayerTensor::kFfnPostNorm}, first, rows);
  }
}

void LayerOnDevicePass::read(int index, int slot) {
  ReadArgs args{};
  args.seen = seen(index);
  tools_.tables.set_tasks(args, index);
  args.log_sums = tools_.memory.log_sums;
  args.sums = tools_.memory.sums[slot];
  const int64_t count = args.head_count * args.group_count * args.key_count;
  queue_.launch(kFill, kFloat, FillArgs{args.sums, count});
  queue_.launch(kRead, tools_.type, args);
  queue_.copy(tools_.memory.host_sums[slot], args.sums, static_cast<uint64_t>(count) * sizeof(float),
              kToHost);
  queue_.record(slot);
}

void LayerOnDevicePass::take(const SegmentPlace& segment) {
  const int64_t KD = config_.kv_heads * config_.head_width;
  const int64_t from = segment.row * heads_width() + config_.heads * config_.head_width;
  queue_.launch(
      kTake, tools_.type,
      TakeArgs{.in = static_cast<const std::byte*>(tools_.memory.heads) + from * bytes_of(tools_.type),
               .stride = heads_width(),
               .out = tools_.memory.taken,
               .rows = segment.rows,
               .width = 2 * KD});
  const auto bytes = static_cast<uint64_t>(segment.rows * 2 * KD) * sizeof(float);
  queue_.copy(tools_.memory.host_rows.memory().at(), tools_.memory.taken, bytes, kToHost);
}

}  // namespace headwise::device
