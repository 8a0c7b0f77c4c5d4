// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// A kept segment in another form: fewer tokens, narrower numbers. bf16 is rounded to the nearest, ties to
// even. int8: x = q * scale with q in -127..127, the scale such that the largest number is 127: of a
// dimension over the kept tokens for keys (a few dimensions of keys are far larger than the others, for all
// tokens), of a token for values. Source: KIVI (Liu et al. 2024, 2402.02750).
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "base/check.h"
#include "decoder/cpu/cpu_kept_segment.h"

namespace headwise {
namespace {

using kernels::KeyBlock;
using kernels::kKeyTile;

// Where number d of key i of a block stands: tiles [D][tile_width].
size_t key_place(int64_t key, int64_t dimension, int64_t count, int64_t head_width) {
  const int64_t first = key / kKeyTile * kKeyTile;
  return static_cast<size_t>(first * head_width + dimension * kernels::tile_width(count, first) + key -
                             first);
}

uint16_t to_bfloat16(float number) {
  const auto bits = std::bit_cast<uint32_t>(number);
  if (std::isnan(number)) return static_cast<uint16_t>((bits >> 16) | 0x40u);  // rounding could carry over
  return static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

// The nearest whole number, ties to even, of one from -127 to 127: what is left of it where floats have no
// digits behind the point.
int8_t to_int8(float number) {
  constexpr float kWhole = 3 << 22;
  return static_cast<int8_t>(number + kWhole - kWhole);
}

// Writes numbers of one group (one scale) to the places that `place` gives.
template <typename Place>
void write_group(KeptType type, std::span<const float> numbers, std::byte* to, float* scale,
                 const Place& place) {
  const auto store = [&](size_t i, auto number) {
    std::memcpy(to + place(i) * sizeof number, &number, sizeof number);
  };
  if (type == KeptType::kFloat32) {
    for (size_t i = 0; i < numbers.size(); ++i) store(i, numbers[i]);
  } else if (type == KeptType::kBfloat16) {
    for (size_t i = 0; i < numbers.size(); ++i) store(i, to_bfloat16(numbers[i]));
  } else {
    float largest = 0.0f;
    for (const float number : numbers) largest = std::max(largest, std::abs(number));
    const bool finite = std::all_of(numbers.begin(), numbers.end(), [](float x) { return std::isfinite(x); });
    *scale = finite ? largest / 127.0f : std::numeric_limits<float>::quiet_NaN();  // a request then fails
    if (*scale < std::numeric_limits<float>::min()) *scale = 0.0f;  // what is left are zeros, as they stand
    const float unit = *scale;
    for (size_t i = 0; unit > 0.0f && i < numbers.size(); ++i) store(i, to_int8(numbers[i] / unit));
  }
}

// Small keys first, over all kv heads.
std::vector<double> smallness(const CpuKeptSegment& kept, int layer) {
  const int64_t width = kept.layout().shape().head_width;
  std::vector<double> worth(static_cast<size_t>(kept.tokens()), 0.0);
  for (int head = 0; head < kept.layout().shape().kv_heads; ++head) {
    const std::vector<float> keys = kept.keys(layer, head);
    for (size_t token = 0; token < worth.size(); ++token) {
      double sum = 0.0;
      for (int64_t d = 0; d < width; ++d) {
        const double number = keys[token * static_cast<size_t>(width) + static_cast<size_t>(d)];
        sum += number * number;
      }
      worth[token] -= std::sqrt(sum);
    }
  }
  return worth;
}

KeptLayer reduced_layer(const CpuKeptSegment& kept, int layer, const KeptForm& form,
                        std::span<const float> received) {
  const int64_t tokens = kept.tokens();
  const bool values = kept.layer(layer).values;
  const int64_t count =
      form.shares.empty() ? tokens : kept_count(form.shares[static_cast<size_t>(layer)], tokens);
  if (count == tokens || count == 0) return {count, values, {}};
  switch (form.tokens) {
    case BudgetTokens::kNorm:
      return {count, values, worthiest_tokens(count, smallness(kept, layer))};
    case BudgetTokens::kReceived: {
      const auto first = received.begin() + layer * tokens;
      return {count, values, worthiest_tokens(count, std::vector<double>(first, first + tokens))};
    }
    default:
      return {count, values, every_token(count, tokens)};
  }
}

// One layer of `from` into the image of `to`.
class LayerWriter {
 public:
  LayerWriter(const CpuKeptSegment& from, CpuKeptBuilder& to, int layer)
      : from_(from),
        to_(to),
        layer_(layer),
        kept_(to.layout().layers()[static_cast<size_t>(layer)]),
        width_(from.layout().shape().head_width),
        numbers_(static_cast<size_t>(std::max(width_, kept_.count))) {}

  void write() {
    if (type() == KeptType::kFloat32 && kept_.kept.empty()) return copy();
    for (int64_t head = 0; head < from_.layout().shape().kv_heads; ++head) {
      const KeyBlock block = from_.block(layer_, head);
      write_keys(block, to_.layout().keys(layer_, head));
      if (kept_.values) write_values(block, to_.layout().values(layer_, head));
    }
  }

 private:
  // All tokens, as they are: the blocks themselves.
  void copy() {
    const auto block = [&](const KeptPlace& from, const KeptPlace& to, size_t bytes) {
      std::memcpy(to_.at(to.numbers), from_.image().data() + from.numbers, bytes);
    };
    const KeptImageLayout& from = from_.layout();
    const KeptImageLayout& to = to_.layout();
    for (int64_t head = 0; head < from.shape().kv_heads; ++head) {
      block(from.keys(layer_, head), to.keys(layer_, head), to.key_bytes(layer_));
      if (!kept_.values) continue;
      block(from.values(layer_, head), to.values(layer_, head), to.value_bytes(layer_));
    }
  }
  int64_t token(int64_t key) const { return kept_.kept.empty() ? key : kept_.kept[static_cast<size_t>(key)]; }
  float* scales(const KeptPlace& place) { return reinterpret_cast<float*>(to_.at(place.scales)); }

  void write_keys(const KeyBlock& block, const KeptPlace& place) {
    const auto* keys = static_cast<const float*>(block.keys);
    const auto count = static_cast<size_t>(kept_.count);
    for (int64_t d = 0; d < width_; ++d) {
      for (size_t i = 0; i < count; ++i) {
        numbers_[i] = keys[key_place(token(static_cast<int64_t>(i)), d, block.count, width_)];
      }
      write_group(type(), {numbers_.data(), count}, to_.at(place.numbers), scales(place) + d,
                  [&](size_t i) { return key_place(static_cast<int64_t>(i), d, kept_.count, width_); });
    }
  }
  void write_values(const KeyBlock& block, const KeptPlace& place) {
    const auto* values = static_cast<const float*>(block.values);
    const auto padded = static_cast<size_t>(kernels::padded_width(width_));
    for (int64_t key = 0; key < kept_.count; ++key) {
      const float* row = values + static_cast<size_t>(token(key)) * padded;
      write_group(type(), {row, static_cast<size_t>(width_)}, to_.at(place.numbers), scales(place) + key,
                  [&](size_t i) { return static_cast<size_t>(key) * padded + i; });
    }
  }
  KeptType type() const { return to_.layout().shape().type; }

  const CpuKeptSegment& from_;
  CpuKeptBuilder& to_;
  int layer_;
  const KeptLayer& kept_;
  int64_t width_;
  std::vector<float> numbers_;
};

}  // namespace

std::shared_ptr<const KeptSegment> CpuKeptSegment::reduced(const KeptForm& form,
                                                           std::span<const float> received) const {
  const auto layers = layout_.layers().size();
  HW_CHECK(layout_.shape().type == KeptType::kFloat32);
  HW_CHECK(form.shares.empty() || form.shares.size() == layers);
  HW_CHECK(form.shares.empty() || form.tokens != BudgetTokens::kReceived ||
           received.size() == layers * static_cast<size_t>(tokens()));
  std::vector<KeptLayer> kept;
  for (int layer = 0; layer < static_cast<int>(layers); ++layer) {
    HW_CHECK(this->layer(layer).count == tokens());
    kept.push_back(reduced_layer(*this, layer, form, received));
  }
  KeptShape shape = layout_.shape();
  shape.type = form.type;
  auto layout = KeptImageLayout::make(shape, std::move(kept));
  HW_CHECK(layout);  // smaller than this one
  CpuKeptBuilder builder(std::move(*layout));
  for (int layer = 0; layer < static_cast<int>(layers); ++layer) {
    if (builder.layout().layers()[static_cast<size_t>(layer)].count > 0)
      LayerWriter(*this, builder, layer).write();
  }
  return std::move(builder).finish();
}

}  // namespace headwise
