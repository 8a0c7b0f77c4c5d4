// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Layout (ggml/docs/gguf.md): magic, version, tensor count, pair count, pairs, tensor infos, padding to
// general.alignment, tensor data. Nothing is allocated for a claimed count before the bytes that must follow
// have been seen to exist, so memory is bounded by the file's size whatever it claims.
#include "formats/gguf_reader.h"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <set>

#include "base/check.h"
#include "base/checked_math.h"
#include "formats/byte_cursor.h"
#include "formats/gguf_values.h"

namespace headwise {
namespace {

constexpr uint32_t kMagic = 0x46554747;  // "GGUF"
constexpr uint32_t kMostDimensions = 4;
constexpr uint64_t kDefaultAlignment = 32;
// The fewest bytes that a key-value pair and a tensor info can take: length, name of one byte, type, value.
constexpr uint64_t kLeastPairBytes = 8 + 1 + 4 + 1;
constexpr uint64_t kLeastTensorBytes = 8 + 1 + 4 + 8 + 4 + 8;

struct Header {
  uint64_t tensors = 0;
  uint64_t pairs = 0;
};

// What a file that is not GGUF may be, for people who gave the wrong one.
std::string guess_content(std::string_view start) {
  if (start.starts_with("version https://git-lfs")) {
    return "; it is a Git LFS pointer, not the model: fetch the file itself";
  }
  if (start.starts_with("PK")) return "; it is a zip archive (a wheel?): unpack it first";
  if (start.starts_with("<")) return "; it looks like a web page: the download went wrong";
  if (start.starts_with("FUGG")) return "; its byte order is big-endian";
  if (start.starts_with("ggjt") || start.starts_with("tjgg") || start.starts_with("lmgg")) {
    return "; it is a GGML file from before GGUF: convert it with llama.cpp";
  }
  return "";
}

Result<Header> read_header(ByteCursor& cursor) {
  const std::string_view start(reinterpret_cast<const char*>(cursor.here()),
                               std::min<size_t>(cursor.remaining(), 64));
  auto magic = cursor.read<uint32_t>("the magic number");
  HW_RETURN_IF_ERROR(magic);
  if (*magic != kMagic) {
    return cursor.fail_at(0, "not a GGUF file: expected the bytes 'GGUF', found " +
                                 printable(start.substr(0, 4)) + guess_content(start));
  }
  auto version = cursor.read<uint32_t>("the version");
  HW_RETURN_IF_ERROR(version);
  if ((*version & 0xffff) == 0 && *version != 0) {
    return cursor.fail_at(4, "the file is big-endian; convert it with gguf-convert-endian",
                          ErrorCode::kUnsupported);
  }
  if (*version != 2 && *version != 3) {
    return cursor.fail_at(4, "GGUF version " + std::to_string(*version) + "; this build reads 2 and 3",
                          ErrorCode::kUnsupported);
  }
  Header header;
  const struct {
    uint64_t* count;
    uint64_t least_bytes;
    const char* what;
  } claims[] = {{&header.tensors, kLeastTensorBytes, "tensors"},
                {&header.pairs, kLeastPairBytes, "key-value pairs"}};
  for (const auto& claim : claims) {
    const size_t at = cursor.position();
    auto count = cursor.read<uint64_t>(std::string("the number of ") + claim.what);
    HW_RETURN_IF_ERROR(count);
    const std::optional<uint64_t> least = checked_mul(*count, claim.least_bytes);
    if (!least || *least > cursor.remaining()) {
      return cursor.fail_at(at, "the file claims " + std::to_string(*count) + " " + claim.what +
                                    ", more than its remaining " + std::to_string(cursor.remaining()) +
                                    " bytes can describe; it is truncated or damaged");
    }
    *claim.count = *count;
  }
  return header;
}

struct TensorInfo {
  std::string name;
  std::vector<int64_t> shape;  // outermost first
  uint32_t type = 0;
  std::optional<DType> dtype;  // nothing: a type that this build does not read
  uint64_t bytes = 0;          // 0 when dtype is nothing
  uint64_t offset = 0;         // from the start of the data
  size_t described_at = 0;
};

Result<TensorInfo> read_tensor_info(ByteCursor& cursor, uint64_t number) {
  TensorInfo info;
  info.described_at = cursor.position();
  auto name = read_gguf_name(cursor, "the name of tensor " + std::to_string(number));
  HW_RETURN_IF_ERROR(name);
  info.name = std::move(*name);
  const std::string what = "tensor " + printable(info.name);
  const size_t dimensions_at = cursor.position();
  auto dimensions = cursor.read<uint32_t>("the number of dimensions of " + what);
  HW_RETURN_IF_ERROR(dimensions);
  if (*dimensions < 1 || *dimensions > kMostDimensions) {
    return cursor.fail_at(dimensions_at, what + " has " + std::to_string(*dimensions) +
                                             " dimensions; expected 1 to " + std::to_string(kMostDimensions));
  }
  uint64_t elements = 1;
  for (uint32_t i = 0; i < *dimensions; ++i) {
    const size_t at = cursor.position();
    auto extent = cursor.read<uint64_t>("the shape of " + what);
    HW_RETURN_IF_ERROR(extent);
    const std::optional<uint64_t> product = checked_mul(elements, *extent);
    if (*extent == 0 || !product || *product > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
      return cursor.fail_at(at, "dimension " + std::to_string(i) + " of " + what + " is " +
                                    std::to_string(*extent) + ", which no file can hold");
    }
    elements = *product;
    info.shape.insert(info.shape.begin(), static_cast<int64_t>(*extent));
  }
  const size_t type_at = cursor.position();
  auto type = cursor.read<uint32_t>("the element type of " + what);
  HW_RETURN_IF_ERROR(type);
  auto offset = cursor.read<uint64_t>("the offset of " + what);
  HW_RETURN_IF_ERROR(offset);
  info.type = *type;
  info.offset = *offset;
  info.dtype = dtype_from_gguf(*type);
  if (!info.dtype) return info;
  const DTypeTraits& traits = dtype_traits(*info.dtype);
  if (info.shape.back() % traits.block_values != 0) {
    return cursor.fail_at(type_at, what + " has rows of " + std::to_string(info.shape.back()) +
                                       " values, not a multiple of the " +
                                       std::to_string(traits.block_values) + " values in a block of " +
                                       std::string(traits.name));
  }
  const std::optional<uint64_t> bytes = checked_mul(elements / traits.block_values, traits.block_bytes);
  if (!bytes) return cursor.fail_at(type_at, what + " claims more bytes than a file can hold");
  info.bytes = *bytes;
  return info;
}

// Every tensor inside the data, on the alignment, and no two sharing a byte.
Status check_places(const ByteCursor& cursor, const std::vector<TensorInfo>& infos, uint64_t data_start,
                    uint64_t data_bytes, uint64_t alignment) {
  std::vector<const TensorInfo*> by_offset;
  for (const TensorInfo& info : infos) {
    const std::string what = "tensor " + printable(info.name);
    if (info.offset % alignment != 0) {
      return cursor.fail_at(info.described_at, what + " starts at offset " + std::to_string(info.offset) +
                                                   ", not a multiple of the alignment " +
                                                   std::to_string(alignment));
    }
    const std::optional<uint64_t> end = checked_add(info.offset, info.bytes);
    if (!end || *end > data_bytes) {
      return cursor.fail_at(info.described_at,
                            what + " lies at offset " + std::to_string(info.offset) + " and takes " +
                                std::to_string(info.bytes) + " bytes, but the file's data (from byte " +
                                std::to_string(data_start) + " on) has only " + std::to_string(data_bytes) +
                                " bytes; the file is truncated or damaged");
    }
    by_offset.push_back(&info);
  }
  std::sort(by_offset.begin(), by_offset.end(), [](const TensorInfo* a, const TensorInfo* b) {
    return a->offset != b->offset ? a->offset < b->offset : a->bytes < b->bytes;
  });
  for (size_t i = 1; i < by_offset.size(); ++i) {
    const TensorInfo& before = *by_offset[i - 1];
    const TensorInfo& after = *by_offset[i];
    if (before.offset + before.bytes > after.offset) {
      return cursor.fail_at(after.described_at, "tensors " + printable(before.name) + " (offset " +
                                                    std::to_string(before.offset) + ", " +
                                                    std::to_string(before.bytes) + " bytes) and " +
                                                    printable(after.name) + " (offset " +
                                                    std::to_string(after.offset) + ") overlap");
    }
  }
  return {};
}

Result<uint64_t> find_alignment(const ByteCursor& cursor, const GgufContents& contents) {
  auto found = contents.metadata.find("general.alignment");
  if (found == contents.metadata.end()) return kDefaultAlignment;
  const int64_t* value = std::get_if<int64_t>(&found->second.value);
  constexpr int64_t kLargest = int64_t{1} << 31;
  // A multiple of 8 by the format's own words, so that mapped fp32 tensors are aligned for the machine.
  if (value == nullptr || *value < 8 || *value > kLargest || (*value & (*value - 1)) != 0) {
    return cursor.fail_at(cursor.position(), "general.alignment must be a power of two from 8 to 2147483648" +
                                                 (value == nullptr ? std::string(", found no integer")
                                                                   : ", found " + std::to_string(*value)));
  }
  return static_cast<uint64_t>(*value);
}

}  // namespace

Result<GgufContents> read_gguf(std::span<const std::byte> bytes, std::string_view name) {
  ByteCursor cursor(bytes, name);
  auto header = read_header(cursor);
  HW_RETURN_IF_ERROR(header);
  GgufContents contents;
  HW_RETURN_IF_ERROR(read_gguf_pairs(cursor, header->pairs, contents.metadata));
  auto alignment = find_alignment(cursor, contents);
  HW_RETURN_IF_ERROR(alignment);

  std::vector<TensorInfo> infos;
  std::set<std::string_view> names;
  infos.reserve(
      header->tensors);  // read_header has seen that so many can be described; `names` points inside
  for (uint64_t i = 0; i < header->tensors; ++i) {
    auto info = read_tensor_info(cursor, i);
    HW_RETURN_IF_ERROR(info);
    infos.push_back(std::move(*info));
    if (!names.insert(infos.back().name).second) {
      return cursor.fail_at(infos.back().described_at,
                            "tensor " + printable(infos.back().name) + " is there twice");
    }
  }
  const uint64_t described = cursor.position();
  const uint64_t data_start = (described + *alignment - 1) / *alignment * *alignment;
  const uint64_t data_bytes = data_start < bytes.size() ? bytes.size() - data_start : 0;
  HW_RETURN_IF_ERROR(check_places(cursor, infos, data_start, data_bytes, *alignment));
  for (TensorInfo& info : infos) {
    if (!info.dtype) {
      contents.unsupported.push_back({std::move(info.name), info.type, std::move(info.shape)});
      continue;
    }
    contents.tensors.push_back({.name = std::move(info.name),
                                .dtype = *info.dtype,
                                .shape = std::move(info.shape),
                                .data = bytes.data() + data_start + info.offset,
                                .bytes = static_cast<size_t>(info.bytes)});
  }
  return contents;
}

}  // namespace headwise
