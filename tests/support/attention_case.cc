// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "support/attention_case.h"

#include <algorithm>
#include <cmath>
#include <span>

#include "support/random_values.h"

namespace headwise::kernels {
namespace {

// A result of exactly this value is one that nobody wrote.
constexpr float kUntouched = 12345.0f;

// `count` floats that start `shift` floats behind a cache line's start, between walls of kUntouched.
class Operand {
 public:
  Operand(int64_t count, int64_t shift, float fill) : count_(count), shift_(kWall + shift) {
    memory_.assign(static_cast<size_t>(shift_ + count + kWall + kLine), kUntouched);
    const auto address = reinterpret_cast<uintptr_t>(memory_.data()) / sizeof(float);
    shift_ += (kLine - static_cast<int64_t>(address % kLine)) % kLine;
    std::fill_n(data(), count, fill);
  }
  float* data() { return memory_.data() + shift_; }
  // Nothing but the operand itself was written to.
  bool intact() const {
    const auto untouched = [](float value) { return value == kUntouched; };
    return std::all_of(memory_.begin(), memory_.begin() + shift_, untouched) &&
           std::all_of(memory_.begin() + shift_ + count_, memory_.end(), untouched);
  }

 private:
  static constexpr int64_t kLine = 16;  // floats of a cache line
  static constexpr int64_t kWall = 32;
  int64_t count_;
  int64_t shift_;
  std::vector<float> memory_;
};

Operand queries_of(const AttentionCase& c, const AttentionNumbers& numbers) {
  Operand queries(c.rows * (c.width + c.gap), c.shift, NAN);
  for (int64_t row = 0; row < c.rows; ++row) {
    std::copy_n(numbers.queries.begin() + row * c.width, c.width, queries.data() + row * (c.width + c.gap));
  }
  return queries;
}

// The context's ranges and the call's own one, last.
std::vector<KeyRange> ranges_of(const AttentionCase& c) {
  std::vector<KeyRange> ranges = c.context;
  ranges.push_back({c.own_begin, c.own_begin + c.first_row + c.rows});
  return ranges;
}

// Between the blocks stands what spoils whatever reads it.
Operand keys_of(const AttentionCase& c, const AttentionNumbers& numbers) {
  Operand keys(c.slots() * c.width, c.shift, NAN);
  for (const KeyRange& range : ranges_of(c)) {
    const int64_t count = range.end - range.begin;
    for (int64_t key = 0; key < stored_keys(count); ++key) {
      const int64_t first = key / kKeyTile * kKeyTile;
      float* column = keys.data() + (range.begin + first) * c.width + key - first;
      for (int64_t d = 0; d < c.width; ++d) {
        column[d * tile_width(count, first)] =
            numbers.keys[static_cast<size_t>((range.begin + key) * c.width + d)];
      }
    }
  }
  return keys;
}

Operand values_of(const AttentionCase& c, const AttentionNumbers& numbers) {
  const int64_t stride = padded_width(c.width);
  Operand values(c.slots() * stride, c.shift, NAN);
  for (const KeyRange& range : ranges_of(c)) {
    for (int64_t slot = range.begin; slot < range.begin + stored_keys(range.end - range.begin); ++slot) {
      float* row = values.data() + slot * stride;
      std::fill_n(row, stride, 0.0f);
      if (slot < range.end) std::copy_n(numbers.values.begin() + slot * c.width, c.width, row);
    }
  }
  return values;
}

// Each range of the context as a block; a block's sums go where its slots are. Values may be null.
std::vector<KeyBlock> blocks_of(const AttentionCase& c, const float* keys, const float* values) {
  std::vector<KeyBlock> blocks;
  for (const KeyRange& range : ranges_of(c)) {
    KeyBlock block;
    block.keys = keys + range.begin * c.width;
    block.values = values == nullptr ? nullptr : values + range.begin * padded_width(c.width);
    block.count = range.end - range.begin;
    block.place = block.first_position = range.begin;
    blocks.push_back(block);
  }
  return blocks;  // the call's own one last
}

Visibility visibility(const AttentionCase& c, const std::vector<KeyBlock>& blocks) {
  return {{blocks.data(), blocks.size() - 1}, blocks.back(), c.first_row};
}

double unit() { return tolerance("cpu", "fp32").unit; }

// One row's probabilities and how far computed ones may be from them, relatively:
// - a logit is a sum of D products: off by at most e = rounding(D) * sum of magnitudes;
// - an exponent is a difference of two logits, or the running maximum's steps added up: two roundings of the
// range R;
// - a soft-cap is no steeper than 1, and its own roundings are of the cap's size;
// - its exponential, and one more factor at most for each tile whose maximum is larger: T + 1 exponentials
// and products;
// - the quotient has these errors twice, the sum of n terms, division, conversion and a product.
struct Probabilities {
  std::vector<int64_t> slots;
  std::vector<double> p;
  double relative = 0.0;
};
Probabilities probabilities(const AttentionCase& c, const AttentionNumbers& numbers, int64_t row,
                            RoundingBound rounding) {
  Probabilities found;
  found.slots = c.visible(row);
  double largest = -INFINITY, smallest = INFINITY, magnitude = 0.0;
  for (const int64_t slot : found.slots) {
    double logit = 0.0, size = 0.0;
    for (int64_t d = 0; d < c.width; ++d) {
      const double term = static_cast<double>(numbers.queries[static_cast<size_t>(row * c.width + d)]) *
                          numbers.keys[static_cast<size_t>(slot * c.width + d)];
      logit += term;
      size += std::abs(term);
    }
    const double cap = c.rules.soft_cap;
    if (cap > 0.0) logit = cap * std::tanh(logit / cap);
    found.p.push_back(logit);
    largest = std::max(largest, logit);
    smallest = std::min(smallest, logit);
    magnitude = std::max(magnitude, size);
  }
  double total = 0.0;
  for (double& p : found.p) total += p = std::exp(p - largest);
  for (double& p : found.p) p /= total;
  const auto terms = static_cast<int64_t>(found.slots.size());
  const int64_t tiles = c.slots() / kKeyTile;
  const double exponent = rounding(c.width, unit()) * magnitude + 2 * unit() * (largest - smallest) +
                          rounding((tiles + 1) * (kExponentialRoundings + 1), unit()) +
                          2 * c.rules.soft_cap * rounding(kExponentialRoundings + 6, unit());
  found.relative = std::expm1(2 * exponent + rounding(terms + tiles, unit()) + rounding(3, unit()));
  return found;
}

// An exponential under e^-87 may be taken for zero.
double lost(const Probabilities& row) { return static_cast<double>(row.p.size()) * std::exp(-87.0); }

}  // namespace

std::vector<int64_t> AttentionCase::visible(int64_t row) const {
  std::vector<int64_t> seen;
  const int64_t position = own_begin + first_row + row;
  const auto see = [&](int64_t slot) {
    if (rules.window == 0 || slot > position - rules.window) seen.push_back(slot);
  };
  for (const KeyRange& range : context) {
    for (int64_t slot = range.begin; slot < range.end; ++slot) see(slot);
  }
  for (int64_t slot = own_begin; slot <= position; ++slot) see(slot);
  return seen;
}

AttentionNumbers random_numbers(const AttentionCase& c, float key_deviation) {
  return {random_values(c.rows * c.width, 13, 0.7f), random_values(c.slots() * c.width, 11, key_deviation),
          random_values(c.slots() * c.width, 12)};
}

CallResult attend(const KernelTable& table, const AttentionCase& c, const AttentionNumbers& numbers) {
  AttentionCase close = c;
  close.gap = 0;  // rows of attend stand one behind the other
  Operand queries = queries_of(close, numbers), keys = keys_of(c, numbers), values = values_of(c, numbers);
  Operand out(c.rows * c.width, c.shift, kUntouched);
  Operand scratch(attend_scratch(c.width), c.shift, NAN);
  AttendArgs args;
  args.queries = queries.data();
  args.head_width = c.width;
  args.rules = c.rules;
  const std::vector<KeyBlock> blocks = blocks_of(c, keys.data(), values.data());
  const Visibility visible = visibility(c, blocks);
  const QueryRows part{c.rows, c.first_row, visible.context, visible.own};
  args.parts = {&part, 1};
  args.out = out.data();
  args.scratch = scratch.data();
  table.attend(args);
  CallResult result;
  result.overrun =
      !(queries.intact() && keys.intact() && values.intact() && out.intact() && scratch.intact());
  result.values.assign(out.data(), out.data() + c.rows * c.width);
  return result;
}

CallResult read(const KernelTable& table, const AttentionCase& c, const AttentionNumbers& numbers) {
  Operand queries = queries_of(c, numbers), keys = keys_of(c, numbers);
  Operand sums(c.slots(), c.shift, 0.0f);
  Operand scratch(read_scratch(c.width, c.slots()), c.shift, NAN);
  ReadArgs args;
  args.queries = queries.data();
  args.query_stride = c.width + c.gap;
  args.rows = c.rows;
  args.head_width = c.width;
  args.rules = c.rules;
  const std::vector<KeyBlock> blocks = blocks_of(c, keys.data(), nullptr);
  args.visible = visibility(c, blocks);
  args.attention_sum = sums.data();
  args.scratch = scratch.data();
  table.read(args);
  CallResult result;
  result.overrun = !(queries.intact() && keys.intact() && sums.intact() && scratch.intact());
  result.values.assign(sums.data(), sums.data() + c.slots());
  return result;
}

// The sum over keys rounds once a key and once a tile.
std::vector<Bounded> expected_attend(const AttentionCase& c, const AttentionNumbers& numbers,
                                     RoundingBound rounding) {
  std::vector<Bounded> expected(static_cast<size_t>(c.rows * c.width));
  for (int64_t row = 0; row < c.rows; ++row) {
    const Probabilities found = probabilities(c, numbers, row, rounding);
    const auto terms = static_cast<int64_t>(found.slots.size());
    const double relative = found.relative + rounding(terms + c.slots() / kKeyTile + 1, unit());
    const std::span<Bounded> out(expected.data() + row * c.width, static_cast<size_t>(c.width));
    for (size_t i = 0; i < found.slots.size(); ++i) {
      for (size_t d = 0; d < out.size(); ++d) {
        const double value = numbers.values[static_cast<size_t>(found.slots[i] * c.width) + d];
        out[d].value += found.p[i] * value;
        out[d].bound += (found.p[i] * relative + lost(found)) * std::abs(value);
      }
    }
  }
  return expected;
}

// A key's sum rounds once a row. Keys that nobody sees have 0, exactly.
std::vector<Bounded> expected_read(const AttentionCase& c, const AttentionNumbers& numbers,
                                   RoundingBound rounding) {
  std::vector<Bounded> expected(static_cast<size_t>(c.slots()));
  for (int64_t row = 0; row < c.rows; ++row) {
    const Probabilities found = probabilities(c, numbers, row, rounding);
    const double relative = found.relative + rounding(c.rows + 1, unit());
    for (size_t i = 0; i < found.slots.size(); ++i) {
      Bounded& key = expected[static_cast<size_t>(found.slots[i])];
      key.value += found.p[i];
      key.bound += found.p[i] * relative + lost(found);
    }
  }
  return expected;
}

}  // namespace headwise::kernels
