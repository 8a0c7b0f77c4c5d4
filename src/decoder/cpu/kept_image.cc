// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "decoder/cpu/kept_image.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "base/check.h"
#include "base/checked_math.h"
#include "kernels/kernels.h"

namespace headwise {
namespace {

constexpr size_t kAlignment = 64;
constexpr std::array<char, 8> kMagic{'H', 'W', 'K', 'E', 'P', 'T', '\r', '\n'};
constexpr uint32_t kVersion = 1;
// So that no product of a block's sizes goes beyond 64 bits.
constexpr int64_t kMostTokens = std::numeric_limits<int32_t>::max();
constexpr int64_t kMostHeads = 1 << 16;  // and most values of one

struct Header {
  std::array<char, 8> magic;
  uint32_t version;
  uint32_t type;
  uint32_t head_width;
  uint32_t kv_heads;
  uint32_t layers;
  uint32_t none;
  int64_t tokens;
  int64_t first_position;
  uint64_t bytes;
  uint64_t none_either;
};
static_assert(sizeof(Header) == 64 && std::is_trivially_copyable_v<Header>);

struct LayerRow {
  int64_t count;
  uint64_t list;   // place of its tokens; 0: none
  uint64_t first;  // place of its first block
  uint32_t values;
  uint32_t none;
};
static_assert(sizeof(LayerRow) == 32 && std::is_trivially_copyable_v<LayerRow>);

constexpr size_t aligned(size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

template <typename T>
T read_at(std::span<const std::byte> image, size_t place) {
  T value;
  std::memcpy(&value, image.data() + place, sizeof value);
  return value;
}

tl::unexpected<Error> no_image(const std::string& why) {
  return fail(ErrorCode::kInvalidInput, "kept keys and values are damaged: " + why + "; keep them anew");
}

// Adds up places, and remembers that they went beyond 64 bits.
class Places {
 public:
  size_t at() const { return static_cast<size_t>(at_.value_or(0)); }
  bool fits() const { return at_.has_value(); }
  void skip(uint64_t count, uint64_t each) {
    const auto bytes = checked_mul(count, each);
    at_ = at_ && bytes ? checked_add(*at_, *bytes) : std::nullopt;
    const auto end = at_ ? checked_add(*at_, kAlignment - 1) : std::nullopt;
    at_ = end ? std::optional<uint64_t>(*end / kAlignment * kAlignment) : std::nullopt;
  }

 private:
  std::optional<uint64_t> at_ = 0;
};

Status check_layer(const KeptShape& shape, const KeptLayer& layer, size_t index) {
  const auto wrong = [&](const std::string& why) {
    return no_image("layer " + std::to_string(index) + " " + why);
  };
  if (layer.kept.empty()) {
    if (layer.count == 0 || layer.count == shape.tokens) return {};
    return wrong("has " + std::to_string(layer.count) + " keys of " + std::to_string(shape.tokens) +
                 " tokens and does not say of which");
  }
  if (static_cast<int64_t>(layer.kept.size()) != layer.count) return wrong("has another number of tokens");
  const bool ascending =
      std::adjacent_find(layer.kept.begin(), layer.kept.end(), std::greater_equal<>()) == layer.kept.end();
  if (!ascending || layer.kept.front() < 0 || layer.kept.back() >= shape.tokens) {
    return wrong("has tokens that are not ascending within 0.." + std::to_string(shape.tokens - 1));
  }
  return {};
}

Status check_shape(const KeptShape& shape) {
  const auto within = [](int64_t value, int64_t least, int64_t most) {
    return value >= least && value <= most;
  };
  if (within(shape.head_width, 1, kMostHeads) && within(shape.kv_heads, 1, kMostHeads) &&
      within(shape.tokens, 1, kMostTokens) && within(shape.first_position, 0, kMostTokens)) {
    return {};
  }
  return no_image("the header's numbers are out of range");
}

}  // namespace

Result<KeptImageLayout> KeptImageLayout::make(const KeptShape& shape, std::vector<KeptLayer> layers) {
  HW_RETURN_IF_ERROR(check_shape(shape));
  for (size_t i = 0; i < layers.size(); ++i) HW_RETURN_IF_ERROR(check_layer(shape, layers[i], i));
  KeptImageLayout layout;
  layout.shape_ = shape;
  layout.layers_ = std::move(layers);
  Places places;
  places.skip(1, sizeof(Header));
  places.skip(layout.layers_.size(), sizeof(LayerRow));
  for (const KeptLayer& layer : layout.layers_) {
    Sizes& sizes = layout.sizes_.emplace_back();
    if (!layer.kept.empty()) sizes.list = places.at();
    places.skip(layer.kept.size(), sizeof(int32_t));
  }
  const auto width = static_cast<uint64_t>(shape.head_width);
  const auto heads = static_cast<uint64_t>(shape.kv_heads);
  const auto number = static_cast<uint64_t>(kernels::kept_bytes(shape.type));
  const bool scaled = shape.type == KeptType::kInt8;
  for (size_t i = 0; i < layout.layers_.size(); ++i) {
    const KeptLayer& layer = layout.layers_[i];
    Sizes& sizes = layout.sizes_[i];
    sizes.first = places.at();
    if (layer.count == 0) continue;
    const auto stored = static_cast<uint64_t>(kernels::stored_keys(layer.count));
    sizes.keys = stored * width * number;
    sizes.value_scales = stored;
    Places step;
    step.skip(sizes.keys, 1);
    if (scaled) step.skip(width, sizeof(float));
    sizes.key_step = step.at();
    places.skip(heads, sizes.key_step);
    if (layer.values) {
      sizes.values = stored * static_cast<uint64_t>(kernels::padded_width(shape.head_width)) * number;
      step = Places();
      step.skip(sizes.values, 1);
      if (scaled) step.skip(stored, sizeof(float));
      sizes.value_step = step.at();
      places.skip(heads, sizes.value_step);
    }
  }
  layout.bytes_ = places.at();
  if (!places.fits())
    return fail(ErrorCode::kResourceLimit, "kept keys and values of that size do not exist");
  return layout;
}

Result<KeptImageLayout> KeptImageLayout::read(std::span<const std::byte> image, const ImageBytes& bytes) {
  if (reinterpret_cast<uintptr_t>(image.data()) % kAlignment != 0) {
    return no_image("they begin at an address that is no multiple of 64");
  }
  if (image.size() < sizeof(Header)) return no_image(std::to_string(image.size()) + " bytes are no header");
  bytes.await(sizeof(Header));
  const auto header = read_at<Header>(image, 0);
  if (header.magic != kMagic) return no_image("they do not begin as such");
  if (header.version != kVersion) {
    return no_image("they are of format " + std::to_string(header.version) + ", not " +
                    std::to_string(kVersion));
  }
  if (header.type > static_cast<uint32_t>(KeptType::kInt8)) return no_image("their type is unknown");
  if (header.bytes != image.size()) {
    return no_image("the header says " + std::to_string(header.bytes) + " bytes, there are " +
                    std::to_string(image.size()));
  }
  const KeptShape shape{static_cast<KeptType>(header.type), header.head_width, header.kv_heads, header.tokens,
                        header.first_position};
  HW_RETURN_IF_ERROR(check_shape(shape));
  if (header.layers > (image.size() - sizeof(Header)) / sizeof(LayerRow)) {
    return no_image("the header names " + std::to_string(header.layers) + " layers, more than fit");
  }
  bytes.await(sizeof(Header) + header.layers * sizeof(LayerRow));
  std::vector<KeptLayer> layers;
  std::vector<LayerRow> rows;
  for (uint32_t i = 0; i < header.layers; ++i) {
    const auto row = rows.emplace_back(read_at<LayerRow>(image, sizeof(Header) + i * sizeof(LayerRow)));
    if (row.count < 0 || row.count > shape.tokens || row.values > 1) {
      return no_image("layer " + std::to_string(i) + " has numbers that are out of range");
    }
    KeptLayer& layer = layers.emplace_back(KeptLayer{row.count, row.values == 1, {}});
    if (row.list == 0) continue;
    const auto length = static_cast<uint64_t>(row.count) * sizeof(int32_t);
    if (row.list > image.size() || length > image.size() - row.list) {
      return no_image("the tokens of layer " + std::to_string(i) + " are outside of them");
    }
    layer.kept.resize(static_cast<size_t>(row.count));
    bytes.await(row.list + length);
    if (length > 0) std::memcpy(layer.kept.data(), image.data() + row.list, length);
  }
  auto layout = make(shape, std::move(layers));
  HW_RETURN_IF_ERROR(layout);
  if (layout->bytes_ != image.size()) {
    return no_image("their layers take " + std::to_string(layout->bytes_) + " bytes, there are " +
                    std::to_string(image.size()));
  }
  for (size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].list != layout->sizes_[i].list || rows[i].first != layout->sizes_[i].first) {
      return no_image("the blocks of layer " + std::to_string(i) + " are not in their place");
    }
  }
  return layout;
}

void KeptImageLayout::write_head(std::span<std::byte> image) const {
  Header header{};
  header.magic = kMagic;
  header.version = kVersion;
  header.type = static_cast<uint32_t>(shape_.type);
  header.head_width = static_cast<uint32_t>(shape_.head_width);
  header.kv_heads = static_cast<uint32_t>(shape_.kv_heads);
  header.layers = static_cast<uint32_t>(layers_.size());
  header.tokens = shape_.tokens;
  header.first_position = shape_.first_position;
  header.bytes = bytes_;
  std::memcpy(image.data(), &header, sizeof header);
  for (size_t i = 0; i < layers_.size(); ++i) {
    const KeptLayer& layer = layers_[i];
    const LayerRow row{layer.count, sizes_[i].list, sizes_[i].first, layer.values ? 1u : 0u, 0};
    std::memcpy(image.data() + sizeof header + i * sizeof row, &row, sizeof row);
    if (layer.kept.empty()) continue;
    std::memcpy(image.data() + sizes_[i].list, layer.kept.data(), layer.kept.size() * sizeof(int32_t));
  }
}

KeptPlace KeptImageLayout::keys(int layer, int64_t kv_head) const {
  const Sizes& sizes = sizes_[static_cast<size_t>(layer)];
  const size_t numbers = sizes.first + static_cast<size_t>(kv_head) * sizes.key_step;
  return {numbers, numbers + aligned(sizes.keys)};
}

size_t KeptImageLayout::end_of(int layer) const { return values(layer, shape_.kv_heads).numbers; }

KeptPlace KeptImageLayout::values(int layer, int64_t kv_head) const {
  const Sizes& sizes = sizes_[static_cast<size_t>(layer)];
  const size_t numbers = sizes.first + static_cast<size_t>(shape_.kv_heads) * sizes.key_step +
                         static_cast<size_t>(kv_head) * sizes.value_step;
  return {numbers, numbers + aligned(sizes.values)};
}

}  // namespace headwise
