// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "kernels/linear.h"

#include <algorithm>

#include "base/check.h"

namespace headwise::kernels {

namespace {

// One panel of rows [0, outputs) of weights [outputs, inputs]; what is left of its width is zero.
void pack_panel(const float* weights, int64_t outputs, int64_t inputs, int64_t width, float* panel) {
  constexpr int64_t kStep = 16;  // inputs: their rows of the panel stay in the first-level cache
  if (outputs < width) std::fill_n(panel, inputs * width, 0.0f);
  for (int64_t first = 0; first < inputs; first += kStep) {
    const int64_t end = std::min(first + kStep, inputs);
    for (int64_t o = 0; o < outputs; ++o) {
      for (int64_t i = first; i < end; ++i) panel[i * width + o] = weights[o * inputs + i];
    }
  }
}

}  // namespace

size_t PackedLinear::bytes() const {
  if (panel_width_ == 0) return 0;
  return static_cast<size_t>(round_up(outputs_, panel_width_) * inputs_) * sizeof(float);
}

void Linear::pack(const float* weights, int64_t outputs, int64_t inputs, LinearType type,
                  PackedLinear& packed) const {
  HW_CHECK(type == LinearType::kFloat32);
  const int64_t width = ops_->panel_width;
  HW_CHECK(kColumnGrain % width == 0);
  packed.outputs_ = outputs;
  packed.inputs_ = inputs;
  packed.panel_width_ = width;
  packed.panels_.reserve(static_cast<size_t>(round_up(outputs, width) * inputs));
  for (int64_t first = 0; first < outputs; first += width) {
    pack_panel(weights + first * inputs, std::min(width, outputs - first), inputs, width,
               packed.panels_.data() + first * inputs);
  }
}

PreparedRows Linear::prepare(const float* x, int64_t rows, LinearType type) const {
  HW_CHECK(rows > 0 && rows <= kRowTile);
  PreparedRows prepared;
  prepared.x_ = x;
  prepared.rows_ = rows;
  prepared.type_ = type;
  return prepared;
}

void Linear::multiply(const PreparedRows& rows, const PackedLinear& weights, float* out) const {
  multiply(rows, weights, {0, weights.outputs()}, out);
}

void Linear::multiply(const PreparedRows& rows, const PackedLinear& weights, OutputRange range,
                      float* out) const {
  HW_CHECK(rows.type_ == weights.type() && weights.panel_width_ == ops_->panel_width);
  HW_CHECK(range.first % kColumnGrain == 0 && range.first + range.count <= weights.outputs_);
  ops_->multiply_panels({.x = rows.x_,
                         .rows = rows.rows_,
                         .inputs = weights.inputs_,
                         .panels = weights.panels_.data() + range.first * weights.inputs_,
                         .outputs = range.count,
                         .out = out,
                         .out_stride = range.count});
}

StoredRows prepare_stored(const KernelTable& ops, const float* x, int64_t rows, const StoredLinear& weights,
                          AlignedBuffer<float>& thin) {
  StoredRows prepared{.x = x, .rows = rows};
  const LowRank& change = weights.change;
  if (change.rank > 0) {
    thin.reserve(static_cast<size_t>(rows * change.rank));
    ops.multiply_rows(
        {x, weights.inputs, rows, change.a, change.rank, weights.inputs, thin.data(), change.rank});
    prepared.thin = thin.data();
  }
  return prepared;
}

void multiply_stored(const KernelTable& ops, const StoredRows& rows, const StoredLinear& weights,
                     int64_t first, int64_t outputs, StoredScratch& scratch, float* out, int64_t out_stride) {
  HW_CHECK(outputs > 0 && outputs <= kStoredOutputs);
  const int64_t inputs = weights.inputs;
  scratch.weights.reserve(static_cast<size_t>(kStoredOutputs * inputs));
  weights.rows(first, outputs, scratch.weights.data());
  ops.multiply_rows({rows.x, inputs, rows.rows, scratch.weights.data(), outputs, inputs, out, out_stride});
  const LowRank& change = weights.change;
  if (change.rank == 0) return;
  scratch.change.reserve(static_cast<size_t>(rows.rows * kStoredOutputs));
  ops.multiply_rows({rows.thin, change.rank, rows.rows, change.b + first * change.rank, outputs, change.rank,
                     scratch.change.data(), kStoredOutputs});
  for (int64_t row = 0; row < rows.rows; ++row) {
    ops.add_scaled(out + row * out_stride, scratch.change.data() + row * kStoredOutputs, change.scale,
                   outputs);
  }
}

}  // namespace headwise::kernels
