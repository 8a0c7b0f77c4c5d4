// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Writes GGUF files for tests, honest or not: counts, types, offsets and lengths can be anything.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace headwise::testing_support {

class GgufBytes {
 public:
  template <typename T>
  static void put(std::string& to, T value) {
    to.append(reinterpret_cast<const char*>(&value), sizeof(T));
  }
  static void put_text(std::string& to, std::string_view text) {
    put<uint64_t>(to, text.size());
    to += text;
  }

  // A key with raw bytes behind its type.
  GgufBytes& raw_key(std::string_view name, uint32_t type, std::string_view bytes) {
    put_text(pairs_, name);
    put<uint32_t>(pairs_, type);
    pairs_ += bytes;
    ++pair_count_;
    return *this;
  }
  template <typename T>
  GgufBytes& number(std::string_view name, uint32_t type, T value) {
    std::string bytes;
    put<T>(bytes, value);
    return raw_key(name, type, bytes);
  }
  GgufBytes& u32(std::string_view name, uint32_t value) { return number(name, 4, value); }
  GgufBytes& f32(std::string_view name, float value) { return number(name, 6, value); }
  GgufBytes& flag(std::string_view name, bool value) { return number<uint8_t>(name, 7, value ? 1 : 0); }
  GgufBytes& text(std::string_view name, std::string_view value) {
    std::string bytes;
    put_text(bytes, value);
    return raw_key(name, 8, bytes);
  }
  GgufBytes& integers(std::string_view name, const std::vector<int32_t>& values) {
    std::string bytes;
    put<uint32_t>(bytes, 5);
    put<uint64_t>(bytes, values.size());
    for (int32_t value : values) put<int32_t>(bytes, value);
    return raw_key(name, 9, bytes);
  }

  // `shape` innermost first, as the file has it.
  GgufBytes& tensor(std::string_view name, const std::vector<uint64_t>& shape, uint32_t type,
                    uint64_t offset) {
    put_text(infos_, name);
    put<uint32_t>(infos_, static_cast<uint32_t>(shape.size()));
    for (uint64_t extent : shape) put<uint64_t>(infos_, extent);
    put<uint32_t>(infos_, type);
    put<uint64_t>(infos_, offset);
    ++tensor_count_;
    return *this;
  }
  GgufBytes& data(size_t bytes, char fill = 0) {
    data_.assign(bytes, fill);
    return *this;
  }
  GgufBytes& data(std::string bytes) {
    data_ = std::move(bytes);
    return *this;
  }

  uint32_t magic = 0x46554747;
  uint32_t version = 3;
  std::optional<uint64_t> claimed_tensors;
  std::optional<uint64_t> claimed_pairs;
  uint64_t alignment = 32;

  std::string build() const {
    std::string file;
    put(file, magic);
    put(file, version);
    put<uint64_t>(file, claimed_tensors.value_or(tensor_count_));
    put<uint64_t>(file, claimed_pairs.value_or(pair_count_));
    file += pairs_ + infos_;
    if (!data_.empty()) file.resize((file.size() + alignment - 1) / alignment * alignment, '\0');
    return file + data_;
  }

 private:
  std::string pairs_;
  std::string infos_;
  std::string data_;
  uint64_t pair_count_ = 0;
  uint64_t tensor_count_ = 0;
};

inline std::span<const std::byte> as_bytes(const std::string& text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

}  // namespace headwise::testing_support
