// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The definition of every operation, in plain loops: read this to know what the vector versions compute.
#include <algorithm>
#include <bit>
#include <cmath>

#include "kernels/tables.h"

namespace headwise::kernels {
namespace {

void rms_norm(const float* x, const float* weight, int64_t width, float epsilon, float* out) {
  double sum = 0.0;
  for (int64_t i = 0; i < width; ++i) sum += static_cast<double>(x[i]) * x[i];
  const auto scale = static_cast<float>(1.0 / std::sqrt(sum / static_cast<double>(width) + epsilon));
  for (int64_t i = 0; i < width; ++i) out[i] = x[i] * scale * weight[i];
}

void rotate(float* x, const float* cos, const float* sin, int64_t width, float scale) {
  const int64_t half = width / 2;
  for (int64_t i = 0; i < half; ++i) {
    const float first = x[i];
    const float second = x[i + half];
    x[i] = (first * cos[i] - second * sin[i]) * scale;
    x[i + half] = (second * cos[i] + first * sin[i]) * scale;
  }
}

void silu_multiply(float* gate, const float* up, int64_t count) {
  for (int64_t i = 0; i < count; ++i) gate[i] = gate[i] / (1.0f + std::exp(-gate[i])) * up[i];
}

void gelu_multiply(float* gate, const float* up, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    const float g = gate[i];
    const float inner = 0.7978845608028654f * (g + 0.044715f * g * g * g);
    gate[i] = 0.5f * g * (1.0f + std::tanh(inner)) * up[i];
  }
}

void add(float* x, const float* y, int64_t count) {
  for (int64_t i = 0; i < count; ++i) x[i] += y[i];
}

void add_scaled(float* x, const float* y, float scale, int64_t count) {
  for (int64_t i = 0; i < count; ++i) x[i] += scale * y[i];
}

// The `index`-th of a block's stored keys or values, before a scale.
float stored_number(const void* numbers, KeptType type, int64_t index) {
  switch (type) {
    case KeptType::kFloat32:
      return static_cast<const float*>(numbers)[index];
    case KeptType::kBfloat16:
      return std::bit_cast<float>(static_cast<uint32_t>(static_cast<const uint16_t*>(numbers)[index]) << 16);
    default:
      return static_cast<const int8_t*>(numbers)[index];
  }
}

float key_number(const KeyBlock& block, int64_t key, int64_t d, int64_t head_width) {
  const int64_t first = key / kKeyTile * kKeyTile;
  const int64_t index = first * head_width + d * tile_width(block.count, first) + key - first;
  const float number = stored_number(block.keys, block.type, index);
  return block.type == KeptType::kInt8 ? number * block.key_scales[d] : number;
}

float value_number(const KeyBlock& block, int64_t key, int64_t d, int64_t head_width) {
  const float number = stored_number(block.values, block.type, key * padded_width(head_width) + d);
  return block.type == KeptType::kInt8 ? number * block.value_scales[key] : number;
}

// A query row, and what it sees: whole blocks, and keys [0, own_keys) of its own; of all of them those from
// position `lowest` on.
struct RowView {
  const float* query;
  int64_t head_width;
  float soft_cap;
  int64_t lowest;
  std::span<const KeyBlock> shared;
  std::span<const KeyBlock> context;
  const KeyBlock& own;
  int64_t own_keys;
};

float logit(const RowView& view, const KeyBlock& block, int64_t key) {
  float sum = 0.0f;
  for (int64_t d = 0; d < view.head_width; ++d) {
    sum += view.query[d] * key_number(block, key, d, view.head_width);
  }
  return view.soft_cap > 0.0f ? view.soft_cap * std::tanh(sum / view.soft_cap) : sum;
}

// Calls visit(block, key) for every key that a row sees, block by block.
template <typename Visit>
void for_each_visible(const RowView& view, const Visit& visit) {
  for (const auto blocks : {view.shared, view.context}) {
    for (const KeyBlock& block : blocks) {
      for (int64_t key = keys_before(block, view.lowest); key < block.count; ++key) visit(block, key);
    }
  }
  for (int64_t key = keys_before(view.own, view.lowest); key < view.own_keys; ++key) visit(view.own, key);
}

// Largest logit and the sum of exp(logit - largest) of one row.
struct SoftmaxTerms {
  float largest = -INFINITY;
  double sum = 0.0;
};

SoftmaxTerms softmax_terms(const RowView& view) {
  SoftmaxTerms terms;
  for_each_visible(view, [&](const KeyBlock& block, int64_t key) {
    terms.largest = std::max(terms.largest, logit(view, block, key));
  });
  for_each_visible(view, [&](const KeyBlock& block, int64_t key) {
    terms.sum += std::exp(logit(view, block, key) - terms.largest);
  });
  return terms;
}

void attend_row(const RowView& view, float* out) {
  const SoftmaxTerms terms = softmax_terms(view);
  const int64_t head_width = view.head_width;
  std::fill(out, out + head_width, 0.0f);
  for_each_visible(view, [&](const KeyBlock& block, int64_t key) {
    const auto probability =
        static_cast<float>(std::exp(logit(view, block, key) - terms.largest) / terms.sum);
    for (int64_t d = 0; d < head_width; ++d) out[d] += probability * value_number(block, key, d, head_width);
  });
}

void attend(const AttendArgs& args) {
  const float* query = args.queries;
  float* out = args.out;
  for (const QueryRows& part : args.parts) {
    for (int64_t row = part.first; row < part.first + part.rows; ++row) {
      const int64_t place = row / args.heads;
      attend_row({query, args.head_width, args.rules.soft_cap, lowest_seen(args.rules, part.own, place),
                  args.shared, part.context, part.own, place + 1},
                 out);
      query += args.head_width;
      out += args.head_width;
    }
  }
}

void read(const ReadArgs& args) {
  for (int64_t row = 0; row < args.rows; ++row) {
    const float* query = args.queries + row * args.query_stride;
    const int64_t place = args.visible.first_row + row;
    const int64_t lowest = lowest_seen(args.rules, args.visible.own, place);
    const RowView view{query, args.head_width,      args.rules.soft_cap, lowest,
                       {},    args.visible.context, args.visible.own,    place + 1};
    const SoftmaxTerms terms = softmax_terms(view);
    for_each_visible(view, [&](const KeyBlock& block, int64_t key) {
      args.attention_sum[block.place + key] +=
          static_cast<float>(std::exp(logit(view, block, key) - terms.largest) / terms.sum);
    });
  }
}

void multiply_rows(const MultiplyRowsArgs& args) {
  for (int64_t row = 0; row < args.rows; ++row) {
    for (int64_t output = 0; output < args.outputs; ++output) {
      const float* weights = args.weights + output * args.inputs;
      float sum = 0.0f;
      for (int64_t i = 0; i < args.inputs; ++i) sum += args.x[row * args.x_stride + i] * weights[i];
      args.out[row * args.out_stride + output] = sum;
    }
  }
}

constexpr int64_t kPanelWidth = 16;

void multiply_panels(const MultiplyPanelsArgs& args) {
  for (int64_t row = 0; row < args.rows; ++row) {
    const float* x = args.x + row * args.inputs;
    for (int64_t first = 0; first < args.outputs; first += kPanelWidth) {
      const float* panel = args.panels + first * args.inputs;
      float sums[kPanelWidth] = {};
      for (int64_t i = 0; i < args.inputs; ++i) {
        for (int64_t o = 0; o < kPanelWidth; ++o) sums[o] += x[i] * panel[i * kPanelWidth + o];
      }
      std::copy_n(sums, std::min(kPanelWidth, args.outputs - first),
                  args.out + row * args.out_stride + first);
    }
  }
}

void add_low_rank(const LowRank& change, int64_t first, int64_t rows, int64_t inputs, float* out) {
  for (int64_t row = 0; row < rows; ++row) {
    const float* factors = change.b + (first + row) * change.rank;
    for (int64_t i = 0; i < inputs; ++i) {
      float sum = 0.0f;
      for (int64_t r = 0; r < change.rank; ++r) sum += factors[r] * change.a[r * inputs + i];
      out[row * inputs + i] += change.scale * sum;
    }
  }
}

}  // namespace

const KernelTable kScalarKernels{.name = "scalar",
                                 .rms_norm = rms_norm,
                                 .rotate = rotate,
                                 .silu_multiply = silu_multiply,
                                 .gelu_multiply = gelu_multiply,
                                 .add = add,
                                 .add_scaled = add_scaled,
                                 .attend = attend,
                                 .read = read,
                                 .multiply_rows = multiply_rows,
                                 .multiply_panels = multiply_panels,
                                 .panel_width = kPanelWidth,
                                 .int8 = &kScalarInt8,
                                 .bf16 = &kScalarBfloat16,
                                 .add_low_rank = add_low_rank,
                                 .dequantize = dequantize_plain,
                                 .decode_keys = decode_keys_plain,
                                 .decode_values = decode_values_plain};

}  // namespace headwise::kernels
