// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: GGUF v3 (and v2) containers, checked completely before anything is believed: metadata
// and tensors, memory-mapped, split files followed. What it is not: any idea of what the keys mean. Source:
// ggml/docs/gguf.md.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/file.h"
#include "base/tensor.h"
#include "formats/tensor_file.h"
#include "headwise/error.h"

namespace headwise {

struct GgufContents;
struct GgufValue;
// Arrays keep their element type; nested arrays are refused. Integers of all widths become int64_t; a scalar
// above its range becomes a double.
using GgufArray =
    std::variant<std::vector<int64_t>, std::vector<double>, std::vector<bool>, std::vector<std::string>>;
struct GgufValue {
  std::variant<int64_t, double, bool, std::string, GgufArray> value;
};

// A tensor whose element type this build does not read: listed by `inspect`, an error when a model needs it.
struct GgufUnsupportedTensor {
  std::string name;
  uint32_t ggml_type = 0;
  std::vector<int64_t> shape;  // outermost first
};

// "Q2_K", "IQ4_XS", ...: also for types that this build does not read; "type 77" for one nobody knows.
std::string ggml_type_name(uint32_t ggml_type);

class GgufFile final : public TensorFile {
 public:
  // Opens a file; when its split.count is above 1, every sibling "-00001-of-0000N.gguf" too (any part may be
  // named). kInvalidInput says the file, the byte, what was expected and what was found; kUnsupported for
  // other versions and byte orders. Memory used is bounded by a small multiple of the metadata's own bytes.
  static Result<GgufFile> open(const std::filesystem::path& path);
  // For tests and fuzzing: the bytes must outlive the object.
  static Result<GgufFile> parse(std::span<const std::byte> bytes);

  const std::map<std::string, GgufValue, std::less<>>& metadata() const { return metadata_; }
  const GgufValue* find(std::string_view key) const;
  // The value when the key is there and has (or converts without loss to) that type; nothing otherwise.
  std::optional<int64_t> integer(std::string_view key) const;
  std::optional<double> real(std::string_view key) const;
  std::optional<bool> boolean(std::string_view key) const;
  const std::string* text(std::string_view key) const;
  const std::vector<std::string>* texts(std::string_view key) const;
  const std::vector<int64_t>* integers(std::string_view key) const;
  const std::vector<double>* reals(std::string_view key) const;

  const std::vector<TensorView>& tensors() const override { return tensors_; }
  const TensorView* find_tensor(std::string_view name) const override;
  const std::vector<GgufUnsupportedTensor>& unsupported_tensors() const { return unsupported_; }

 private:
  // Takes over one part's tensors; a name that is there already is an error.
  Status add(GgufContents&& contents, std::string_view name);

  std::vector<std::shared_ptr<MappedFile>> files_;
  std::map<std::string, GgufValue, std::less<>> metadata_;
  std::vector<TensorView> tensors_;
  std::map<std::string, size_t, std::less<>> index_;
  std::vector<GgufUnsupportedTensor> unsupported_;
};

}  // namespace headwise
