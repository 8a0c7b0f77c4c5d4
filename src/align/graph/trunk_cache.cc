// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "align/graph/trunk_cache.h"

#include <cstring>
#include <utility>

#include "align/graph/tensor_values.h"
#include "base/file.h"
#include "formats/safetensors.h"
#include "formats/safetensors_writer.h"

namespace headwise {
namespace {

std::filesystem::path path_of(const std::filesystem::path& folder, const std::string& key) {
  return folder / (key + ".safetensors");
}

void add_bytes(Fingerprint& key, const torch::Tensor& tensor) {
  const torch::Tensor bytes = tensor.to(torch::kCPU).contiguous();
  key.add({static_cast<const char*>(bytes.data_ptr()), bytes.nbytes()});
}

}  // namespace

void TrunkCache::add_change(int64_t layer, int tensor, const torch::Tensor& a, const torch::Tensor& b) {
  Fingerprint change;
  change.add(static_cast<double>(layer));
  change.add(static_cast<double>(tensor));
  add_bytes(change, a);
  if (b.defined()) add_bytes(change, b);
  changes_ += change.hex();
}

Fingerprint TrunkCache::trunk_key(bool frozen) const {
  Fingerprint key;
  key.add(trunk_.model);
  key.add(trunk_.bf16 ? "bf16" : "fp32");
  key.add(frozen ? "" : changes_);
  key.add(static_cast<double>(trunk_.layers));
  return key;
}

std::string TrunkCache::key(const torch::Tensor& ids, int64_t base, bool frozen) const {
  Fingerprint key = trunk_key(frozen);
  key.add("passage");
  key.add(static_cast<double>(base));
  add_bytes(key, ids);
  return key.hex();
}

std::string TrunkCache::key(const PromptTensors& prompt, std::span<const HeadId> heads, bool frozen) const {
  Fingerprint key = trunk_key(frozen);
  for (const int64_t number : {int64_t{trunk_.join}, prompt.base, prompt.instruction_begin,
                               prompt.query_begin, prompt.shared_rows}) {
    key.add(static_cast<double>(number));
  }
  for (const torch::Tensor* tensor :
       {&prompt.ids, &prompt.positions, &prompt.slot_tokens, &prompt.query_tokens, &prompt.rows_read,
        &prompt.summed_tokens, &prompt.summed_passages}) {
    if (!tensor->defined()) continue;
    add_bytes(key, *tensor);
  }
  for (const HeadId head : heads) {
    if (head.layer < trunk_.layers) key.add(to_string(head));
  }
  return key.hex();
}

std::optional<std::vector<torch::Tensor>> TrunkCache::find(const std::string& key) {
  std::error_code ignored;
  const std::filesystem::path path = path_of(folder_, key);
  const bool there = std::filesystem::exists(path, ignored);
  const auto file = there ? SafetensorsFile::open(path) : fail(ErrorCode::kNotFound, "");
  if (!file) {
    ++missed_;
    return std::nullopt;
  }
  std::vector<torch::Tensor> values;
  for (size_t i = 0; i < file->tensors().size(); ++i) {
    const TensorView* view = file->find_tensor(std::to_string(i));
    if (view == nullptr || view->dtype != DType::kF32) {
      ++missed_;
      return std::nullopt;
    }
    torch::Tensor tensor = torch::empty(view->shape, torch::kFloat32);
    std::memcpy(tensor.data_ptr<float>(), view->data, view->bytes);
    values.push_back(std::move(tensor));
  }
  ++found_;
  return values;
}

void TrunkCache::put(const std::string& key, const std::vector<torch::Tensor>& values) {
  if (first_error_) return;
  std::error_code failure;
  std::filesystem::create_directories(folder_, failure);
  std::vector<std::vector<float>> numbers;
  std::vector<NamedTensor> named;
  numbers.reserve(values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    numbers.push_back(float_values(values[i]));
    named.push_back({std::to_string(i), values[i].sizes().vec(), numbers.back()});
  }
  auto written = write_file_atomically(path_of(folder_, key), format_safetensors(named, {}));
  if (!written) first_error_ = std::move(written.error());
}

}  // namespace headwise
