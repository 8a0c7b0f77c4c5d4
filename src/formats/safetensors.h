// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: safetensors files, single or sharded (model.safetensors.index.json), memory-mapped and
// checked completely: header length, JSON, dtypes, shapes, offsets that overlap, leave holes or pass the end.
// Source: huggingface/safetensors README, "Format".
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/tensor.h"
#include "formats/tensor_file.h"
#include "headwise/error.h"

namespace headwise {

// A tensor whose element type this build does not read: listed by `inspect`, an error when a model needs it.
struct SafetensorsUnsupportedTensor {
  std::string name;
  std::string dtype;  // "F8_E4M3", "I64", ...
  std::vector<int64_t> shape;
};

class SafetensorsFile final : public TensorFile {
 public:
  // A .safetensors file, a .safetensors.index.json, or a folder with model.safetensors or
  // model.safetensors.index.json and its shards. kNotFound when a shard or every such file is missing;
  // kInvalidInput says which file and tensor is wrong and how. Views are aligned only as the file aligns
  // them: bytes, if it likes.
  static Result<SafetensorsFile> open(const std::filesystem::path& path);
  // For tests and fuzzing: the bytes must outlive the object.
  static Result<SafetensorsFile> parse(std::span<const std::byte> bytes);

  const std::vector<TensorView>& tensors() const override { return tensors_; }
  const TensorView* find_tensor(std::string_view name) const override;
  const std::vector<SafetensorsUnsupportedTensor>& unsupported_tensors() const { return unsupported_; }
  // "__metadata__" of the (first) file.
  const std::map<std::string, std::string>& metadata() const { return metadata_; }

 private:
  static Result<SafetensorsFile> open_index(const std::filesystem::path& index);
  // Takes over one file's tensors; a name that is there already is an error.
  Status add(std::span<const std::byte> bytes, std::string_view name);
  Status add_file(const std::filesystem::path& path);

  std::vector<std::shared_ptr<MappedFile>> files_;
  std::vector<TensorView> tensors_;
  std::map<std::string, size_t, std::less<>> index_;
  std::vector<SafetensorsUnsupportedTensor> unsupported_;
  std::map<std::string, std::string> metadata_;
};

}  // namespace headwise
