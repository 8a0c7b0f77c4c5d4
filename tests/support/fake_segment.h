// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: a kept segment of made-up bytes, for tests and benchmarks of where segments are kept.
// Its bytes follow from its tokens, so that whoever gets it back can tell whether each of them is right.
#pragma once

#include <algorithm>
#include <cstring>
#include <memory>
#include <numeric>
#include <random>
#include <utility>
#include <vector>

#include "base/aligned_buffer.h"
#include "passages/passage_tier.h"

namespace headwise::testing {

class FakeSegment final : public KeptSegment {
 public:
  FakeSegment(std::span<const std::byte> image, std::shared_ptr<const ImageBytes> bytes)
      : image_(image), bytes_(std::move(bytes)) {
    bytes_->await(sizeof head_);
    std::memcpy(&head_, image.data(), sizeof head_);
  }

  // 64-byte header, then `bytes` of a stream that the tokens seed.
  static KeptPtr make(std::span<const int32_t> tokens, size_t bytes, int64_t first_position = 0) {
    auto buffer = std::make_shared<AlignedBuffer<std::byte>>(64 + bytes);
    std::memset(buffer->data(), 0, 64);
    const Head head{kMagic, static_cast<int64_t>(tokens.size()), first_position};
    std::memcpy(buffer->data(), &head, sizeof head);
    fill({buffer->data() + 64, bytes}, tokens);
    return std::make_shared<FakeSegment>(std::span<const std::byte>(buffer->data(), 64 + bytes),
                                         held(buffer));
  }
  // A SegmentReader.
  static Result<KeptPtr> read(std::span<const std::byte> image, std::shared_ptr<const ImageBytes> bytes) {
    Head head{};
    bytes->await(std::min<size_t>(image.size(), 64));
    if (image.size() >= 64) std::memcpy(&head, image.data(), sizeof head);
    if (head.magic != kMagic || reinterpret_cast<uintptr_t>(image.data()) % 64 != 0) {
      return fail(ErrorCode::kInvalidInput, "no fake segment");
    }
    return std::make_shared<FakeSegment>(image, std::move(bytes));
  }
  // Every byte is the one that make() wrote for these tokens.
  static bool right(const KeptSegment& segment, std::span<const int32_t> tokens) {
    const auto image = segment.image();
    if (image.size() < 64 || segment.tokens() != static_cast<int64_t>(tokens.size())) return false;
    std::vector<std::byte> expected(image.size() - 64);
    fill(expected, tokens);
    return std::equal(expected.begin(), expected.end(), image.begin() + 64);
  }

  int64_t tokens() const override { return head_.tokens; }
  int64_t first_position() const override { return head_.first_position; }
  int layers() const override { return 1; }
  size_t bytes() const override { return image_.size(); }
  std::vector<float> keys(int, int) const override { return {}; }
  std::vector<float> values(int, int) const override { return {}; }
  std::span<const std::byte> image() const override {
    bytes_->await(image_.size());
    return image_;
  }
  bool intact() const override { return bytes_->intact(); }
  KeptPtr reduced(const KeptForm&, std::span<const float>) const override { return nullptr; }

 private:
  struct Head {
    uint64_t magic;
    int64_t tokens;
    int64_t first_position;
  };
  static constexpr uint64_t kMagic = 0x656b6166;

  static void fill(std::span<std::byte> bytes, std::span<const int32_t> tokens) {
    std::minstd_rand next(std::accumulate(tokens.begin(), tokens.end(), 17U, [](unsigned sum, int32_t token) {
      return sum * 31 + static_cast<unsigned>(token);
    }));
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(next() >> 8);
  }

  Head head_{};
  std::span<const std::byte> image_;
  std::shared_ptr<const ImageBytes> bytes_;
};

// Tokens of made-up passage `number`: 1 to `most` of them.
inline std::vector<int32_t> made_up_tokens(int number, int most = 12) {
  std::vector<int32_t> tokens(1 + static_cast<size_t>(number % most));
  std::iota(tokens.begin(), tokens.end(), number * 7);
  return tokens;
}

}  // namespace headwise::testing
