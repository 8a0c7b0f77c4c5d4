// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Layout: 8 bytes header length, JSON header, data. As the reference implementation demands, the tensors'
// ranges cover the data exactly: none overlaps, none leaves a hole, nothing follows the last.
#include "formats/safetensors.h"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>

#include "base/check.h"
#include "base/checked_math.h"
#include "formats/byte_cursor.h"
#include "formats/safetensors_header.h"

namespace headwise {
namespace {

constexpr uint64_t kLargestHeader = 100'000'000;  // the reference implementation's bound

constexpr size_t kUnsupportedPlace =
    std::numeric_limits<size_t>::max();  // in index_: known, but not in tensors_

// Every type of the format; those without a DType are listed, not read.
struct StoredType {
  std::string_view name;
  uint64_t bits;
  std::optional<DType> dtype;
};
constexpr std::array<StoredType, 21> kTypes{{
    {"F32", 32, DType::kF32},
    {"F16", 16, DType::kF16},
    {"BF16", 16, DType::kBF16},
    {"F64", 64, {}},
    {"I64", 64, {}},
    {"U64", 64, {}},
    {"I32", 32, {}},
    {"U32", 32, {}},
    {"I16", 16, {}},
    {"U16", 16, {}},
    {"I8", 8, {}},
    {"U8", 8, {}},
    {"BOOL", 8, {}},
    {"C64", 64, {}},
    {"F8_E4M3", 8, {}},
    {"F8_E5M2", 8, {}},
    {"F8_E8M0", 8, {}},
    {"F8_E4M3FNUZ", 8, {}},
    {"F6_E2M3", 6, {}},
    {"F6_E3M2", 6, {}},
    {"F4", 4, {}},
}};

const StoredType* find_type(std::string_view name) {
  for (const StoredType& type : kTypes) {
    if (type.name == name) return &type;
  }
  return nullptr;
}

tl::unexpected<Error> invalid(std::string_view file, std::string message) {
  return fail(ErrorCode::kInvalidInput, printable_path(file) + ": " + std::move(message));
}

// Shape times element size is what the offsets span.
Status check_size(const SafetensorsEntry& entry, const StoredType& type, std::string_view file) {
  const std::string what = "tensor " + printable(entry.name);
  uint64_t elements = 1;
  for (uint64_t extent : entry.shape) {
    const std::optional<uint64_t> product = checked_mul(elements, extent);
    // An extent of its own must fit too: a zero elsewhere would hide it in the product.
    if (!product || extent > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
      return invalid(
          file, what + " has a dimension of " + std::to_string(extent) + ", more than any file can hold");
    }
    elements = *product;
  }
  const std::optional<uint64_t> bits = checked_mul(elements, type.bits);
  if (!bits || *bits % 8 != 0 || *bits / 8 != entry.end - entry.begin) {
    return invalid(file, what + " of type " + std::string(type.name) + " and " + std::to_string(elements) +
                             " values spans " + std::to_string(entry.end - entry.begin) +
                             " bytes; expected " + (bits ? std::to_string(*bits / 8) : "more than 2^61"));
  }
  return {};
}

Status check_places(const std::vector<SafetensorsEntry>& entries, uint64_t data_bytes,
                    std::string_view file) {
  std::vector<const SafetensorsEntry*> by_offset;
  for (const SafetensorsEntry& entry : entries) {
    if (entry.begin > entry.end || entry.end > data_bytes) {
      return invalid(file, "tensor " + printable(entry.name) + " claims the bytes " +
                               std::to_string(entry.begin) + " to " + std::to_string(entry.end) +
                               " of the data, which has " + std::to_string(data_bytes) +
                               "; the file is truncated or damaged");
    }
    by_offset.push_back(&entry);
  }
  std::sort(by_offset.begin(), by_offset.end(), [](const SafetensorsEntry* a, const SafetensorsEntry* b) {
    return a->begin != b->begin ? a->begin < b->begin : a->end < b->end;
  });
  uint64_t covered = 0;
  for (const SafetensorsEntry* entry : by_offset) {
    if (entry->begin != covered) {
      return invalid(file, "tensor " + printable(entry->name) + " starts at byte " +
                               std::to_string(entry->begin) +
                               " of the data, but the tensors before it end at " + std::to_string(covered) +
                               (entry->begin < covered ? ": they overlap" : ": there is a hole"));
    }
    covered = entry->end;
  }
  if (covered != data_bytes) {
    return invalid(file, "the tensors end at byte " + std::to_string(covered) + " of the data, which has " +
                             std::to_string(data_bytes) + " bytes");
  }
  return {};
}

}  // namespace

Status SafetensorsFile::add(std::span<const std::byte> bytes, std::string_view name) {
  ByteCursor cursor(bytes, name);
  auto length = cursor.read<uint64_t>("the length of the header");
  HW_RETURN_IF_ERROR(length);
  if (*length > kLargestHeader) {
    return cursor.fail_at(0, "the header claims " + std::to_string(*length) + " bytes; at most " +
                                 std::to_string(kLargestHeader) +
                                 " are allowed. It may not be a safetensors file");
  }
  auto json = cursor.take(*length, "the header");
  HW_RETURN_IF_ERROR(json);
  auto header = parse_safetensors_header(*json);
  if (!header) return invalid(name, header.error().message());
  HW_RETURN_IF_ERROR(check_places(header->entries, cursor.remaining(), name));
  if (files_.empty()) metadata_ = std::move(header->metadata);
  for (SafetensorsEntry& entry : header->entries) {
    const StoredType* type = find_type(entry.dtype);
    if (type != nullptr) HW_RETURN_IF_ERROR(check_size(entry, *type, name));
    std::vector<int64_t> shape;
    for (uint64_t extent : entry.shape) shape.push_back(static_cast<int64_t>(extent));
    const bool supported = type != nullptr && type->dtype;
    const auto [place, is_new] =
        index_.try_emplace(entry.name, supported ? tensors_.size() : kUnsupportedPlace);
    if (!is_new) return invalid(name, "tensor " + printable(entry.name) + " is in another shard as well");
    if (!supported) {
      unsupported_.push_back({std::move(entry.name), std::move(entry.dtype), std::move(shape)});
      continue;
    }
    tensors_.push_back({.name = std::move(entry.name),
                        .dtype = *type->dtype,
                        .shape = std::move(shape),
                        .data = cursor.here() + entry.begin,
                        .bytes = static_cast<size_t>(entry.end - entry.begin)});
  }
  return {};
}

Status SafetensorsFile::add_file(const std::filesystem::path& path) {
  auto mapped = MappedFile::open(path);
  HW_RETURN_IF_ERROR(mapped);
  HW_RETURN_IF_ERROR(add(mapped->bytes(), path.string()));
  files_.push_back(std::make_shared<MappedFile>(std::move(*mapped)));
  return {};
}

Result<SafetensorsFile> SafetensorsFile::parse(std::span<const std::byte> bytes) {
  SafetensorsFile file;
  HW_RETURN_IF_ERROR(file.add(bytes, "<memory>"));
  return file;
}

Result<SafetensorsFile> SafetensorsFile::open_index(const std::filesystem::path& index) {
  auto shards = read_safetensors_index(index);
  HW_RETURN_IF_ERROR(shards);
  SafetensorsFile file;
  for (const auto& [shard, names] : *shards) {
    if (Status added = file.add_file(index.parent_path() / shard); !added) {
      return fail(std::move(added.error())
                      .with_context("reading a shard named by " + printable_path(index.string())));
    }
    for (const std::string& name : names) {
      if (!file.index_.contains(name)) {
        return invalid(index.string(),
                       "tensor " + printable(name) + " should be in " + printable(shard) + ", but is not");
      }
    }
  }
  return file;
}

Result<SafetensorsFile> SafetensorsFile::open(const std::filesystem::path& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) {
    const std::filesystem::path single = path / "model.safetensors";
    const std::filesystem::path index = path / "model.safetensors.index.json";
    if (std::filesystem::exists(single, ignored)) return open(single);
    if (std::filesystem::exists(index, ignored)) return open_index(index);
    const bool torch = std::filesystem::exists(path / "pytorch_model.bin", ignored) ||
                       std::filesystem::exists(path / "pytorch_model.bin.index.json", ignored);
    return fail(
        ErrorCode::kNotFound,
        printable_path(path.string()) + " has neither model.safetensors nor model.safetensors.index.json" +
            (torch ? "; its pytorch_model.bin is not read: save the model as safetensors with transformers"
                   : ""));
  }
  if (path.string().ends_with(".index.json")) return open_index(path);
  SafetensorsFile file;
  HW_RETURN_IF_ERROR(file.add_file(path));
  return file;
}

const TensorView* SafetensorsFile::find_tensor(std::string_view name) const {
  auto found = index_.find(name);
  return found != index_.end() && found->second != kUnsupportedPlace ? &tensors_[found->second] : nullptr;
}

}  // namespace headwise
