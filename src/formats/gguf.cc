// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Splits (model-00001-of-00003.gguf, keys split.no, split.count, split.tensors.count) and typed lookups.
#include "formats/gguf.h"

#include <array>
#include <cmath>
#include <cstdio>

#include "base/check.h"
#include "formats/gguf_reader.h"
#include "formats/printable.h"

namespace headwise {
namespace {

// ggml type numbers as in ggml/include/ggml.h; numbers that were given up long ago are left out.
struct GgmlTypeName {
  uint32_t type;
  std::string_view name;
};
constexpr std::array<GgmlTypeName, 34> kTypeNames{{
    {0, "F32"},     {1, "F16"},    {2, "Q4_0"},     {3, "Q4_1"},    {6, "Q5_0"},     {7, "Q5_1"},
    {8, "Q8_0"},    {9, "Q8_1"},   {10, "Q2_K"},    {11, "Q3_K"},   {12, "Q4_K"},    {13, "Q5_K"},
    {14, "Q6_K"},   {15, "Q8_K"},  {16, "IQ2_XXS"}, {17, "IQ2_XS"}, {18, "IQ3_XXS"}, {19, "IQ1_S"},
    {20, "IQ4_NL"}, {21, "IQ3_S"}, {22, "IQ2_S"},   {23, "IQ4_XS"}, {24, "I8"},      {25, "I16"},
    {26, "I32"},    {27, "I64"},   {28, "F64"},     {29, "IQ1_M"},  {30, "BF16"},    {34, "TQ1_0"},
    {35, "TQ2_0"},  {39, "MXFP4"}, {40, "NVFP4"},   {41, "Q1_0"},
}};

constexpr int64_t kMostParts = 99999;  // five digits in the name

// "folder/prefix" of "folder/prefix-00002-of-00005.gguf", when the name says so and agrees with the file.
std::optional<std::string> split_prefix(const std::filesystem::path& path, int64_t part, int64_t parts) {
  std::array<char, 48> suffix{};
  std::snprintf(suffix.data(), suffix.size(), "-%05d-of-%05d.gguf", static_cast<int>(part),
                static_cast<int>(parts));
  const std::string whole = path.string();
  if (!whole.ends_with(suffix.data())) return std::nullopt;
  return whole.substr(0, whole.size() - std::string_view(suffix.data()).size());
}

std::string part_path(const std::string& prefix, int64_t part, int64_t parts) {
  std::array<char, 48> suffix{};
  std::snprintf(suffix.data(), suffix.size(), "-%05d-of-%05d.gguf", static_cast<int>(part),
                static_cast<int>(parts));
  return prefix + suffix.data();
}

std::optional<int64_t> integer_of(const GgufContents& contents, std::string_view key) {
  auto found = contents.metadata.find(key);
  if (found == contents.metadata.end()) return std::nullopt;
  const int64_t* value = std::get_if<int64_t>(&found->second.value);
  return value != nullptr ? std::optional(*value) : std::nullopt;
}

template <typename T>
const T* find_as(const GgufValue* value) {
  return value != nullptr ? std::get_if<T>(&value->value) : nullptr;
}

template <typename T>
const std::vector<T>* find_array(const GgufValue* value) {
  const GgufArray* array = find_as<GgufArray>(value);
  return array != nullptr ? std::get_if<std::vector<T>>(array) : nullptr;
}

}  // namespace

std::string ggml_type_name(uint32_t ggml_type) {
  for (const GgmlTypeName& known : kTypeNames) {
    if (known.type == ggml_type) return std::string(known.name);
  }
  return "type " + std::to_string(ggml_type);
}

Status GgufFile::add(GgufContents&& contents, std::string_view name) {
  for (TensorView& tensor : contents.tensors) {
    auto [place, is_new] = index_.try_emplace(tensor.name, tensors_.size());
    if (!is_new) {
      return fail(ErrorCode::kInvalidInput, printable_path(name) + ": tensor " + printable(tensor.name) +
                                                " is in an earlier part of the split model as well");
    }
    tensors_.push_back(std::move(tensor));
  }
  for (GgufUnsupportedTensor& tensor : contents.unsupported) unsupported_.push_back(std::move(tensor));
  return {};
}

Result<GgufFile> GgufFile::parse(std::span<const std::byte> bytes) {
  auto contents = read_gguf(bytes, "<memory>");
  HW_RETURN_IF_ERROR(contents);
  GgufFile file;
  file.metadata_ = std::move(contents->metadata);
  HW_RETURN_IF_ERROR(file.add(std::move(*contents), "<memory>"));
  return file;
}

Result<GgufFile> GgufFile::open(const std::filesystem::path& path) {
  auto mapped = MappedFile::open(path);
  HW_RETURN_IF_ERROR(mapped);
  auto given = read_gguf(mapped->bytes(), path.string());
  HW_RETURN_IF_ERROR(given);
  const int64_t parts = integer_of(*given, "split.count").value_or(1);
  GgufFile file;
  if (parts <= 1) {
    file.files_.push_back(std::make_shared<MappedFile>(std::move(*mapped)));
    file.metadata_ = std::move(given->metadata);
    HW_RETURN_IF_ERROR(file.add(std::move(*given), path.string()));
    return file;
  }

  const int64_t number = integer_of(*given, "split.no").value_or(-1);
  if (parts > kMostParts || number < 0 || number >= parts) {
    return fail(ErrorCode::kInvalidInput, printable_path(path.string()) + ": split.no is " +
                                              std::to_string(number) + " and split.count " +
                                              std::to_string(parts) +
                                              "; expected a part from 0 to split.count - 1, at most " +
                                              std::to_string(kMostParts) + " parts");
  }
  const std::optional<std::string> prefix = split_prefix(path, number + 1, parts);
  if (!prefix) {
    return fail(ErrorCode::kInvalidInput, printable_path(path.string()) + " is part " +
                                              std::to_string(number + 1) + " of a split model; its name " +
                                              "must end in '" + part_path("", number + 1, parts) +
                                              "' for the other parts to be found");
  }
  for (int64_t part = 0; part < parts; ++part) {
    const std::string part_name = part_path(*prefix, part + 1, parts);
    auto part_mapped = MappedFile::open(part_name);
    if (!part_mapped) {
      return fail(std::move(part_mapped.error())
                      .with_context("opening part " + std::to_string(part + 1) + " of " +
                                    std::to_string(parts) + " of a split model"));
    }
    auto contents = read_gguf(part_mapped->bytes(), part_name);
    HW_RETURN_IF_ERROR(contents);
    if (integer_of(*contents, "split.no") != part || integer_of(*contents, "split.count") != parts) {
      return fail(ErrorCode::kInvalidInput, printable_path(part_name) +
                                                ": its keys split.no and split.count do not say " +
                                                "that it is part " + std::to_string(part) + " of " +
                                                std::to_string(parts) + " (counted from 0)");
    }
    if (part == 0) file.metadata_ = std::move(contents->metadata);
    HW_RETURN_IF_ERROR(file.add(std::move(*contents), part_name));
    file.files_.push_back(std::make_shared<MappedFile>(std::move(*part_mapped)));
  }
  const auto claimed = static_cast<int64_t>(file.tensors_.size() + file.unsupported_.size());
  if (const auto total = file.integer("split.tensors.count"); total && *total != claimed) {
    return fail(ErrorCode::kInvalidInput,
                printable_path(path.string()) + ": the parts hold " + std::to_string(claimed) +
                    " tensors, but split.tensors.count says " + std::to_string(*total));
  }
  return file;
}

const TensorView* GgufFile::find_tensor(std::string_view name) const {
  auto found = index_.find(name);
  return found != index_.end() ? &tensors_[found->second] : nullptr;
}

const GgufValue* GgufFile::find(std::string_view key) const {
  auto found = metadata_.find(key);
  return found != metadata_.end() ? &found->second : nullptr;
}

std::optional<int64_t> GgufFile::integer(std::string_view key) const {
  const GgufValue* value = find(key);
  if (const int64_t* integer = find_as<int64_t>(value)) return *integer;
  const double* real = find_as<double>(value);
  constexpr double kExact = 9007199254740992.0;  // 2^53
  if (real == nullptr || !(std::fabs(*real) <= kExact) || *real != std::floor(*real)) return std::nullopt;
  return static_cast<int64_t>(*real);
}

std::optional<double> GgufFile::real(std::string_view key) const {
  const GgufValue* value = find(key);
  if (const double* real = find_as<double>(value)) return *real;
  const int64_t* integer = find_as<int64_t>(value);
  constexpr int64_t kExact = int64_t{1} << 53;
  if (integer == nullptr || *integer > kExact || *integer < -kExact) return std::nullopt;
  return static_cast<double>(*integer);
}

std::optional<bool> GgufFile::boolean(std::string_view key) const {
  const bool* value = find_as<bool>(find(key));
  return value != nullptr ? std::optional(*value) : std::nullopt;
}

const std::string* GgufFile::text(std::string_view key) const { return find_as<std::string>(find(key)); }

const std::vector<std::string>* GgufFile::texts(std::string_view key) const {
  return find_array<std::string>(find(key));
}

const std::vector<int64_t>* GgufFile::integers(std::string_view key) const {
  return find_array<int64_t>(find(key));
}

const std::vector<double>* GgufFile::reals(std::string_view key) const {
  return find_array<double>(find(key));
}

}  // namespace headwise
