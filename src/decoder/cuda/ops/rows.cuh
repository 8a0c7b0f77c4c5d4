// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: what is done row by row between the products: embeddings, norms, heads (bias, norm,
// rotary positions, scale), the MLP's gate, biases of what is added to the residual stream. The residual
// stream is fp32; what products read and write is of type T.
//
// A warp works on a row, or on a head of a row. Formulas: kernels/scalar.cc, which the tests compare with.
#pragma once

#include "decoder/cuda/ops/portable.cuh"

namespace headwise::device {

inline constexpr int kRowThreads = 128;

// Rows, or heads of rows, that a block of kRowThreads works on: one a warp of 32.
HW_ANY constexpr int64_t row_blocks(int64_t rows) { return pieces_of(rows, kRowThreads / 32); }

// Calls visit(row) for those of a block's rows that fall to the caller's warp.
template <typename Group, typename Visit>
HW_ANY void for_each_row(const Group& group, int64_t block, int64_t rows, const Visit& visit) {
  constexpr int64_t kRows = kRowThreads / 32;
  const int64_t end = least(rows, (block + 1) * kRows);
  for (int64_t row = block * kRows + group.warp(); row < end; row += group.warps()) visit(row);
}

// hidden [rows, width] = multiplier * table [ids[row]].
struct EmbedArgs {
  const void* table;  // [vocabulary, width] of T
  const int32_t* ids;
  float* hidden;
  int64_t rows;
  int64_t width;
  float multiplier;
};
template <typename T>
struct Embed {
  EmbedArgs a;
  static constexpr int kThreads = kRowThreads;
  HW_ANY int64_t blocks() const { return row_blocks(a.rows); }
  HW_ANY int64_t shared() const { return 0; }
  template <typename Group>
  HW_ANY void run(int64_t block, const Group& group) const {
    for_each_row(group, block, a.rows, [&](int64_t row) {
      const T* from = static_cast<const T*>(a.table) + a.ids[row] * a.width;
      float* to = a.hidden + row * a.width;
      for (int64_t i = group.lane(); i < a.width; i += group.lanes())
        to[i] = a.multiplier * to_float(from[i]);
    });
  }
};

// 1 / sqrt(mean x^2 + epsilon) of x(0) .. x(width - 1), by the lanes of a warp.
template <typename Group, typename Number>
HW_ANY float norm_scale(const Group& group, const Number& x, int64_t width, float epsilon) {
  float sum = 0.0f;
  for (int64_t i = group.lane(); i < width; i += group.lanes()) {
    const float value = x(i);
    sum += value * value;
  }
  return 1.0f / sqrtf(group.lane_sum(sum) / static_cast<float>(width) + epsilon);
}

// out [rows, width] = the RMS norm of x; without weights x itself, rounded.
struct NormArgs {
  const float* x;
  const float* weights;  // [width], or null
  void* out;             // of T
  int64_t rows;
  int64_t width;
  float epsilon;
};
template <typename T>
struct Norm {
  NormArgs a;
  static constexpr int kThreads = kRowThreads;
  HW_ANY int64_t blocks() const { return row_blocks(a.rows); }
  HW_ANY int64_t shared() const { return 0; }
  template <typename Group>
  HW_ANY void run(int64_t block, const Group& group) const {
    for_each_row(group, block, a.rows, [&](int64_t row) {
      const float* x = a.x + row * a.width;
      T* out = static_cast<T*>(a.out) + row * a.width;
      const float scale = a.weights == nullptr
                              ? 1.0f
                              : norm_scale(
                                    group, [&](int64_t i) { return x[i]; }, a.width, a.epsilon);
      for (int64_t i = group.lane(); i < a.width; i += group.lanes()) {
        out[i] = rounded<T>(a.weights == nullptr ? x[i] : x[i] * scale * a.weights[i]);
      }
    });
  }
};

// hidden [rows, width] += multiplier * (norm of (x + bias)); without weights, of x + bias itself. `x` null:
// bias alone.
struct AddArgs {
  float* x;              // [rows, width]; changed
  const float* bias;     // [width], or null
  const float* weights;  // of a norm after attention or the MLP; null: none
  float* hidden;
  int64_t rows;
  int64_t width;
  float epsilon;
  float multiplier;
};
struct Add {
  AddArgs a;
  static constexpr int kThreads = kRowThreads;
  HW_ANY int64_t blocks() const { return row_blocks(a.rows); }
  HW_ANY int64_t shared() const { return 0; }
  template <typename Group>
  HW_ANY void run(int64_t block, const Group& group) const {
    for_each_row(group, block, a.rows, [&](int64_t row) {
      float* hidden = a.hidden + row * a.width;
      if (a.x == nullptr) {
        for (int64_t i = group.lane(); i < a.width; i += group.lanes()) hidden[i] += a.multiplier * a.bias[i];
        return;
      }
      float* x = a.x + row * a.width;
      if (a.bias != nullptr) {
        for (int64_t i = group.lane(); i < a.width; i += group.lanes()) x[i] += a.bias[i];
      }
      const float scale = a.weights == nullptr
                              ? 1.0f
                              : norm_scale(
                                    group, [&](int64_t i) { return x[i]; }, a.width, a.epsilon);
      for (int64_t i = group.lane(); i < a.width; i += group.lanes()) {
        hidden[i] += a.multiplier * (a.weights == nullptr ? x[i] : x[i] * scale * a.weights[i]);
      }
    });
  }
};

// x [rows, stride] of T, the first `width` numbers of each row: their RMS norm, in place. Of all heads'
// queries together, or keys.
struct WideNormArgs {
  void* x;
  const float* weights;  // [width]
  int64_t rows;
  int64_t stride;
  int64_t width;
  float epsilon;
};
template <typename T>
struct WideNorm {
  WideNormArgs a;
  static constexpr int kThreads = kRowThreads;
  HW_ANY int64_t blocks() const { return row_blocks(a.rows); }
  HW_ANY int64_t shared() const { return 0; }
  template <typename Group>
  HW_ANY void run(int64_t block, const Group& group) const {
    for_each_row(group, block, a.rows, [&](int64_t row) {
      T* x = static_cast<T*>(a.x) + row * a.stride;
      const float scale = norm_scale(
          group, [&](int64_t i) { return to_float(x[i]); }, a.width, a.epsilon);
      for (int64_t i = group.lane(); i < a.width; i += group.lanes())
        x[i] = rounded<T>(to_float(x[i]) * scale * a.weights[i]);
    });
  }
};

// Queries, keys and values of the rows, side by side [H + 2K heads of D], made ready in place: biases added,
// q and k normed and turned, q scaled.
struct HeadsArgs {
  void* heads;          // [rows, stride] of T
  const float* bias;    // [(H + 2K) D], or null
  const float* q_norm;  // [D], or null
  const float* k_norm;
  const float* cos;  // [position, turned / 2]
  const float* sin;
  const int32_t* positions;  // [rows]
  int64_t rows;
  int64_t stride;
  int64_t query_heads;
  int64_t kv_heads;
  int64_t width;   // D
  int64_t turned;  // dimensions that are turned, the first ones; 0: none
  float epsilon;
  float query_scale;
};
template <typename T>
struct Heads {
  HeadsArgs a;
  static constexpr int kThreads = kRowThreads;
  HW_ANY int64_t heads() const { return a.query_heads + (a.bias == nullptr ? 1 : 2) * a.kv_heads; }
  HW_ANY int64_t blocks() const { return row_blocks(a.rows * heads()); }
  HW_ANY int64_t shared() const { return 0; }
  template <typename Group>
  HW_ANY void run(int64_t block, const Group& group) const {
    for_each_row(group, block, a.rows * heads(), [&](int64_t i) { finish(group, i / heads(), i % heads()); });
  }
  template <typename Group>
  HW_ANY void finish(const Group& group, int64_t row, int64_t head) const {
    T* x = static_cast<T*>(a.heads) + row * a.stride + head * a.width;
    const float* bias = a.bias == nullptr ? nullptr : a.bias + head * a.width;
    const bool query = head < a.query_heads;
    if (head >= a.query_heads + a.kv_heads) {  // a value
      for (int64_t i = group.lane(); i < a.width; i += group.lanes())
        x[i] = rounded<T>(to_float(x[i]) + bias[i]);
      return;
    }
    const float* weights = query ? a.q_norm : a.k_norm;
    const auto biased = [&](int64_t i) { return to_float(x[i]) + (bias == nullptr ? 0.0f : bias[i]); };
    const float norm = weights == nullptr ? 1.0f : norm_scale(group, biased, a.width, a.epsilon);
    const auto number = [&](int64_t i) {
      return weights == nullptr ? biased(i) : biased(i) * norm * weights[i];
    };
    const float scale = query ? a.query_scale : 1.0f;
    const int64_t half = a.turned / 2;
    const float* cos = a.cos + a.positions[row] * half;
    const float* sin = a.sin + a.positions[row] * half;
    for (int64_t i = group.lane(); i < half; i += group.lanes()) {
      const float first = number(i);
      const float second = number(i + half);
      x[i] = rounded<T>((first * cos[i] - second * sin[i]) * scale);
      x[i + half] = rounded<T>((second * cos[i] + first * sin[i]) * scale);
    }
    for (int64_t i = a.turned + group.lane(); i < a.width; i += group.lanes())
      x[i] = rounded<T>(number(i) * scale);
  }
};

// out [rows, width] = activation(gate) * up, of gate and up side by side [rows, 2 width].
struct GateArgs {
  const void* gate_up;  // of T
  const float* bias;    // [2 width], or null
  void* out;            // of T
  int64_t rows;
  int64_t width;
  int gelu;  // 0: SiLU; 1: GELU by its tanh
};
template <typename T>
struct Gate {
  GateArgs a;
  static constexpr int kThreads = 256;
  static constexpr int64_t kPiece = 1024;  // numbers of a row that a block works on
  HW_ANY int64_t pieces() const { return pieces_of(a.width, kPiece); }
  HW_ANY int64_t blocks() const { return a.rows * pieces(); }
  HW_ANY int64_t shared() const { return 0; }
  HW_ANY float active(float x) const {
    if (a.gelu == 0) return x / (1.0f + expf(-x));
    const float inner = 0.7978845608028654f * (x + 0.044715f * x * x * x);
    return 0.5f * x * (1.0f + tanhf(inner));
  }
  template <typename Group>
  HW_ANY void run(int64_t block, const Group& group) const {
    const int64_t row = block / pieces();
    const int64_t first = block % pieces() * kPiece;
    const T* gate = static_cast<const T*>(a.gate_up) + row * 2 * a.width;
    T* out = static_cast<T*>(a.out) + row * a.width;
    const int64_t end = least(a.width, first + kPiece);
    for (int64_t i = first + group.thread(); i < end; i += group.threads()) {
      float x = to_float(gate[i]);
      float up = to_float(gate[a.width + i]);
      if (a.bias != nullptr) {
        x += a.bias[i];
        up += a.bias[a.width + i];
      }
      out[i] = rounded<T>(active(x) * up);
    }
  }
};

// Zeros, and rows taken out of a wider array (keys and values that are kept).
struct FillArgs {
  float* out;
  int64_t count;
};
struct Fill {
  FillArgs a;
  static constexpr int kThreads = 256;
  static constexpr int64_t kPiece = 4096;
  HW_ANY int64_t blocks() const { return pieces_of(a.count, kPiece); }
  HW_ANY int64_t shared() const { return 0; }
  template <typename Group>
  HW_ANY void run(int64_t block, const Group& group) const {
    const int64_t end = least(a.count, (block + 1) * kPiece);
    for (int64_t i = block * kPiece + group.thread(); i < end; i += group.threads()) a.out[i] = 0.0f;
  }
};

// out [rows, width] fp32 = in [rows, stride] of T.
struct TakeArgs {
  const void* in;
  int64_t stride;
  float* out;
  int64_t rows;
  int64_t width;
};
template <typename T>
struct Take {
  TakeArgs a;
  static constexpr int kThreads = kRowThreads;
  HW_ANY int64_t blocks() const { return row_blocks(a.rows); }
  HW_ANY int64_t shared() const { return 0; }
  template <typename Group>
  HW_ANY void run(int64_t block, const Group& group) const {
    for_each_row(group, block, a.rows, [&](int64_t row) {
      const T* from = static_cast<const T*>(a.in) + row * a.stride;
      for (int64_t i = group.lane(); i < a.width; i += group.lanes())
        a.out[row * a.width + i] = to_float(from[i]);
    });
  }
};

}  // namespace headwise::device
