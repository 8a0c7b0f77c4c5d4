// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Values by type number (ggml/docs/gguf.md). Nothing is allocated for a claimed length before the bytes that
// must follow have been seen to exist.
#include "formats/gguf_values.h"

#include <array>
#include <limits>
#include <optional>
#include <type_traits>

#include "base/check.h"
#include "base/checked_math.h"

namespace headwise {
namespace {

constexpr uint64_t kLongestName = 65535;  // the format's bound for keys; names of tensors are shorter still

enum ValueType : uint32_t {
  kUint8,
  kInt8,
  kUint16,
  kInt16,
  kUint32,
  kInt32,
  kFloat32,
  kBool,
  kString,
  kArray,
  kUint64,
  kInt64,
  kFloat64
};
constexpr uint32_t kValueTypes = 13;
// Bytes of one element; a string's least (its length), 0 for arrays.
constexpr std::array<uint64_t, kValueTypes> kElementBytes{1, 1, 2, 2, 4, 4, 4, 1, 8, 0, 8, 8, 8};

// No text is put together unless it fails: vocabularies hold hundreds of thousands of strings.
Result<std::string> read_string(ByteCursor& cursor, const std::string& what, uint64_t longest) {
  const size_t start = cursor.position();
  auto length = cursor.read<uint64_t>(what);
  HW_RETURN_IF_ERROR(length);
  if (*length > longest) {
    return cursor.fail_at(start, what + " claims " + std::to_string(*length) + " bytes; at most " +
                                     std::to_string(longest) + " are allowed");
  }
  auto text = cursor.take(*length, what);
  HW_RETURN_IF_ERROR(text);
  return std::string(*text);
}

template <typename Stored, typename Wide>
Result<GgufArray> read_numbers(ByteCursor& cursor, uint64_t count, const std::string& what) {
  std::vector<Wide> values;
  values.reserve(count);  // the caller has seen that the bytes are there
  for (uint64_t i = 0; i < count; ++i) {
    const size_t start = cursor.position();
    auto stored = cursor.read<Stored>(what);
    HW_RETURN_IF_ERROR(stored);
    if constexpr (std::is_same_v<Stored, uint64_t>) {
      if (*stored > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
        return cursor.fail_at(start,
                              "element " + std::to_string(i) + " of " + what + " is " +
                                  std::to_string(*stored) + ", above what a signed 64-bit number holds",
                              ErrorCode::kUnsupported);
      }
    }
    values.push_back(static_cast<Wide>(*stored));
  }
  return GgufArray(std::move(values));
}

Result<bool> read_bool(ByteCursor& cursor, const std::string& what) {
  const size_t start = cursor.position();
  auto byte = cursor.read<uint8_t>(what);
  HW_RETURN_IF_ERROR(byte);
  if (*byte > 1) {
    return cursor.fail_at(start, what + " is a boolean: expected 0 or 1, found " + std::to_string(*byte));
  }
  return *byte == 1;
}

Result<GgufArray> read_array(ByteCursor& cursor, const std::string& what) {
  const size_t start = cursor.position();
  auto type = cursor.read<uint32_t>("the element type of " + what);
  HW_RETURN_IF_ERROR(type);
  if (*type >= kValueTypes) {
    return cursor.fail_at(start, "the element type of " + what + " is " + std::to_string(*type) +
                                     "; expected 0 to " + std::to_string(kValueTypes - 1));
  }
  if (*type == kArray) {
    return cursor.fail_at(start, what + " is an array of arrays, which this build does not read",
                          ErrorCode::kUnsupported);
  }
  auto count = cursor.read<uint64_t>("the length of " + what);
  HW_RETURN_IF_ERROR(count);
  const std::optional<uint64_t> least = checked_mul(*count, kElementBytes[*type]);
  if (!least || *least > cursor.remaining()) {
    return cursor.fail_at(start, what + " claims " + std::to_string(*count) + " elements of at least " +
                                     std::to_string(kElementBytes[*type]) + " bytes, but only " +
                                     std::to_string(cursor.remaining()) +
                                     " bytes follow; the file is truncated or damaged");
  }
  switch (*type) {
    case kUint8:
      return read_numbers<uint8_t, int64_t>(cursor, *count, what);
    case kInt8:
      return read_numbers<int8_t, int64_t>(cursor, *count, what);
    case kUint16:
      return read_numbers<uint16_t, int64_t>(cursor, *count, what);
    case kInt16:
      return read_numbers<int16_t, int64_t>(cursor, *count, what);
    case kUint32:
      return read_numbers<uint32_t, int64_t>(cursor, *count, what);
    case kInt32:
      return read_numbers<int32_t, int64_t>(cursor, *count, what);
    case kUint64:
      return read_numbers<uint64_t, int64_t>(cursor, *count, what);
    case kInt64:
      return read_numbers<int64_t, int64_t>(cursor, *count, what);
    case kFloat32:
      return read_numbers<float, double>(cursor, *count, what);
    case kFloat64:
      return read_numbers<double, double>(cursor, *count, what);
    case kBool: {
      std::vector<bool> values;
      for (uint64_t i = 0; i < *count; ++i) {
        auto value = read_bool(cursor, what);
        HW_RETURN_IF_ERROR(value);
        values.push_back(*value);
      }
      return GgufArray(std::move(values));
    }
    default: {
      std::vector<std::string> values;
      values.reserve(*count);
      const std::string element = "an element of " + what;
      for (uint64_t i = 0; i < *count; ++i) {
        auto value = read_string(cursor, element, std::numeric_limits<uint64_t>::max());
        HW_RETURN_IF_ERROR(value);
        values.push_back(std::move(*value));
      }
      return GgufArray(std::move(values));
    }
  }
}

template <typename Stored, typename Wide>
Result<GgufValue> read_number(ByteCursor& cursor, const std::string& what) {
  auto stored = cursor.read<Stored>(what);
  HW_RETURN_IF_ERROR(stored);
  if constexpr (std::is_same_v<Stored, uint64_t>) {
    // Hashes and seeds, never a dimension: kept as a double, which no integer lookup returns.
    if (*stored > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
      return GgufValue{static_cast<double>(*stored)};
    }
  }
  return GgufValue{static_cast<Wide>(*stored)};
}

Result<GgufValue> read_value(ByteCursor& cursor, const std::string& what) {
  const size_t start = cursor.position();
  auto type = cursor.read<uint32_t>("the type of " + what);
  HW_RETURN_IF_ERROR(type);
  switch (*type) {
    case kUint8:
      return read_number<uint8_t, int64_t>(cursor, what);
    case kInt8:
      return read_number<int8_t, int64_t>(cursor, what);
    case kUint16:
      return read_number<uint16_t, int64_t>(cursor, what);
    case kInt16:
      return read_number<int16_t, int64_t>(cursor, what);
    case kUint32:
      return read_number<uint32_t, int64_t>(cursor, what);
    case kInt32:
      return read_number<int32_t, int64_t>(cursor, what);
    case kUint64:
      return read_number<uint64_t, int64_t>(cursor, what);
    case kInt64:
      return read_number<int64_t, int64_t>(cursor, what);
    case kFloat32:
      return read_number<float, double>(cursor, what);
    case kFloat64:
      return read_number<double, double>(cursor, what);
    case kBool:
      return read_bool(cursor, what).map([](bool value) { return GgufValue{value}; });
    case kString:
      return read_string(cursor, what, std::numeric_limits<uint64_t>::max()).map([](std::string&& value) {
        return GgufValue{std::move(value)};
      });
    case kArray:
      return read_array(cursor, what).map([](GgufArray&& value) { return GgufValue{std::move(value)}; });
    default:
      return cursor.fail_at(start, "the type of " + what + " is " + std::to_string(*type) +
                                       "; expected 0 to " + std::to_string(kValueTypes - 1));
  }
}

}  // namespace

Result<std::string> read_gguf_name(ByteCursor& cursor, const std::string& what) {
  const size_t start = cursor.position();
  auto name = read_string(cursor, what, kLongestName);
  HW_RETURN_IF_ERROR(name);
  if (name->empty()) return cursor.fail_at(start, what + " is empty");
  return name;
}

Status read_gguf_pairs(ByteCursor& cursor, uint64_t pairs,
                       std::map<std::string, GgufValue, std::less<>>& metadata) {
  for (uint64_t i = 0; i < pairs; ++i) {
    const size_t at = cursor.position();
    auto key = read_gguf_name(cursor, "the name of key " + std::to_string(i));
    HW_RETURN_IF_ERROR(key);
    const std::string what = "key " + printable(*key);
    auto value = read_value(cursor, what);
    HW_RETURN_IF_ERROR(value);
    if (!metadata.emplace(std::move(*key), std::move(*value)).second) {
      return cursor.fail_at(at, what + " is there twice");
    }
  }
  return {};
}

}  // namespace headwise
