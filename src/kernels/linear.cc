// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "kernels/linear.h"

#include <algorithm>
#include <numeric>
#include <vector>

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

const ReducedProducts* reduced_products(const KernelTable& ops, LinearType type) {
  return type == LinearType::kInt8 ? ops.int8 : ops.bf16;
}

// Numbers of output `output`, [inputs], to where its panel has them.
template <typename Number>
void scatter(const Number* numbers, int64_t inputs, int64_t output, const PanelLayout& layout,
             std::byte* panels) {
  const int64_t groups = divide_up(inputs, layout.group);
  const int64_t in_panel = output % layout.width;
  Number* panel = reinterpret_cast<Number*>(panels) + (output - in_panel) * groups * layout.group;
  for (int64_t g = 0; g < groups; ++g) {
    Number* to = panel + (g * layout.width + in_panel) * layout.group;
    for (int64_t i = 0; i < layout.group; ++i) {
      const int64_t input = g * layout.group + i;
      to[i] = input < inputs ? numbers[input] : Number{0};
    }
  }
}

}  // namespace

bool has_products(const KernelTable& ops, LinearType type) {
  return type == LinearType::kFloat32 || reduced_products(ops, type) != nullptr;
}

size_t PackedLinear::bytes() const {
  if (layout_.width == 0) return 0;
  const auto outputs = static_cast<size_t>(round_up(outputs_, layout_.width));
  const auto numbers = outputs * static_cast<size_t>(round_up(inputs_, layout_.group));
  switch (type_) {
    case LinearType::kFloat32:
      return numbers * sizeof(float);
    case LinearType::kBfloat16:
      return numbers * sizeof(uint16_t);
    default:
      return numbers + static_cast<size_t>(int8_spans(inputs_)) * outputs * (sizeof(float) + sizeof(int32_t));
  }
}

std::span<const std::byte> PackedLinear::panel(int64_t first) const {
  HW_CHECK(first % kColumnGrain == 0 && first < outputs_);
  const int64_t inputs = round_up(inputs_, layout_.group);
  const auto of = [&](const auto* numbers) {
    return std::as_bytes(std::span(numbers + first * inputs, static_cast<size_t>(layout_.width * inputs)));
  };
  switch (type_) {
    case LinearType::kFloat32:
      return of(panels_.data());
    case LinearType::kBfloat16:
      return of(reinterpret_cast<const uint16_t*>(reduced_.data()));
    default:
      return of(reduced_.data());
  }
}

PreparedRows PreparedRows::part(int64_t first, int64_t rows) const {
  HW_CHECK(first >= 0 && rows > 0 && first + rows <= rows_);
  PreparedRows some = *this;
  some.rows_ = rows;
  if (type_ == LinearType::kFloat32) {
    some.x_ += first * inputs_;
  } else {
    some.numbers_ += first * row_bytes_;
    some.scales_ += first * spans_;
  }
  return some;
}

void Linear::pack(const float* weights, int64_t outputs, int64_t inputs, LinearType type,
                  PackedLinear& packed) const {
  HW_CHECK(has_products(*ops_, type));
  packed.outputs_ = outputs;
  packed.inputs_ = inputs;
  packed.type_ = type;
  packed.layout_ = type == LinearType::kFloat32 ? PanelLayout{ops_->panel_width, 1, sizeof(float)}
                                                : reduced_products(*ops_, type)->layout;
  const int64_t width = packed.layout_.width;
  HW_CHECK(kColumnGrain % width == 0);
  const auto padded = static_cast<size_t>(round_up(outputs, width));
  const auto numbers = padded * static_cast<size_t>(round_up(inputs, packed.layout_.group));
  switch (type) {
    case LinearType::kFloat32:
      packed.panels_.reserve(numbers);
      for (int64_t first = 0; first < outputs; first += width) {
        pack_panel(weights + first * inputs, std::min(width, outputs - first), inputs, width,
                   packed.panels_.data() + first * inputs);
      }
      break;
    case LinearType::kBfloat16: {
      packed.reduced_.reserve(numbers * sizeof(uint16_t));
      std::vector<uint16_t> row(static_cast<size_t>(inputs));
      for (int64_t o = 0; o < static_cast<int64_t>(padded); ++o) {
        if (o < outputs) {
          for (int64_t i = 0; i < inputs; ++i) {
            row[static_cast<size_t>(i)] = to_bfloat16(weights[o * inputs + i]);
          }
        } else {
          std::fill(row.begin(), row.end(), uint16_t{0});
        }
        scatter(row.data(), inputs, o, packed.layout_, packed.reduced_.data());
      }
      break;
    }
    case LinearType::kInt8: {
      packed.reduced_.reserve(numbers);
      packed.scales_.reserve(static_cast<size_t>(int8_spans(inputs)) * padded);
      packed.sums_.reserve(static_cast<size_t>(int8_spans(inputs)) * padded);
      std::vector<float> turned(static_cast<size_t>(inputs), 0.0f);
      std::vector<int8_t> row(static_cast<size_t>(inputs));
      for (size_t o = 0; o < padded; ++o) {
        const auto output = static_cast<int64_t>(o);
        if (output < outputs) {
          turn_int8(weights + output * inputs, inputs, turned.data());
        } else {
          std::fill(turned.begin(), turned.end(), 0.0f);
        }
        for (int64_t span = 0; span < int8_spans(inputs); ++span) {
          const int64_t first = span * kInt8Span;
          const int64_t count = std::min(kInt8Span, inputs - first);
          int8_t* to = row.data() + first;
          const size_t at = static_cast<size_t>(span) * padded + o;
          // A weight that is no number makes its output none.
          quantize_int8(turned.data() + first, count, to, packed.scales_[at]);
          packed.sums_[at] = std::accumulate(to, to + count, int32_t{0});
        }
        scatter(row.data(), inputs, output, packed.layout_, packed.reduced_.data());
      }
    }
  }
}

PreparedRows Linear::prepare(const float* x, int64_t rows, int64_t inputs, LinearType type,
                             PreparedMemory& memory) const {
  HW_CHECK(rows > 0 && rows <= kRowTile && has_products(*ops_, type));
  PreparedRows prepared;
  prepared.rows_ = rows;
  prepared.inputs_ = inputs;
  prepared.type_ = type;
  if (type == LinearType::kFloat32) {
    prepared.x_ = x;
    return prepared;
  }
  const ReducedProducts& products = *reduced_products(*ops_, type);
  prepared.row_bytes_ = round_up(inputs, products.layout.group) * products.layout.row_number_bytes;
  memory.numbers.reserve(static_cast<size_t>(kRowTile * prepared.row_bytes_));
  if (type == LinearType::kInt8) {
    prepared.spans_ = int8_spans(inputs);
    memory.scales.reserve(static_cast<size_t>(kRowTile * prepared.spans_));
    memory.turned.reserve(static_cast<size_t>(inputs));
  }
  prepared.numbers_ = memory.numbers.data();
  prepared.scales_ = memory.scales.data();
  prepared.finite_ =
      products.prepare({x, rows, inputs, memory.numbers.data(), memory.scales.data(), memory.turned.data()});
  return prepared;
}

void Linear::multiply(const PreparedRows& rows, const PackedLinear& weights, float* out) const {
  multiply(rows, weights, {0, weights.outputs()}, out);
}

void Linear::multiply(const PreparedRows& rows, const PackedLinear& weights, OutputRange range, float* out,
                      std::span<const std::byte> next) const {
  HW_CHECK(rows.type_ == weights.type() && rows.inputs_ == weights.inputs_);
  HW_CHECK(range.first % kColumnGrain == 0 && range.first + range.count <= weights.outputs_);
  if (rows.type_ == LinearType::kFloat32) {
    HW_CHECK(weights.layout_.width == ops_->panel_width);
    ops_->multiply_panels({.x = rows.x_,
                           .rows = rows.rows_,
                           .inputs = weights.inputs_,
                           .panels = weights.panels_.data() + range.first * weights.inputs_,
                           .outputs = range.count,
                           .out = out,
                           .out_stride = range.count,
                           .next = next});
    return;
  }
  const ReducedProducts& products = *reduced_products(*ops_, rows.type_);
  HW_CHECK(weights.layout_ == products.layout);
  const int64_t groups = divide_up(weights.inputs_, products.layout.group);
  MultiplyReducedArgs args{.x = rows.numbers_,
                           .x_scales = rows.scales_,
                           .rows = rows.rows_,
                           .groups = groups,
                           .panels = weights.panel(range.first).data(),
                           .outputs = range.count,
                           .out = out,
                           .out_stride = range.count,
                           .next = next};
  if (rows.type_ == LinearType::kInt8) {
    args.spans = rows.spans_;
    args.scales = weights.scales_.data() + range.first;
    args.sums = weights.sums_.data() + range.first;
    args.scale_stride = round_up(weights.outputs_, weights.layout_.width);
  }
  products.multiply(args);
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
