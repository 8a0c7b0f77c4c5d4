// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "model/gguf_keys.h"

#include <algorithm>

#include "base/check.h"
#include "formats/printable.h"

namespace headwise::gguf {

namespace {

template <typename T>
Result<T> value_or(const GgufFile& file, const std::string& name, std::optional<T> value,
                   std::optional<T> fallback, std::string_view type) {
  if (value) return *value;
  if (file.find(name) != nullptr) {
    return fail(ErrorCode::kInvalidInput, "key " + printable(name) + " is no " + std::string(type));
  }
  if (fallback) return *fallback;
  return fail(ErrorCode::kInvalidInput, "key " + printable(name) + " is missing");
}

}  // namespace

Result<int64_t> Keys::integer(std::string_view suffix, std::optional<int64_t> fallback) const {
  const std::string name = key(suffix);
  return value_or(file_, name, file_.integer(name), fallback, "integer");
}

Result<double> Keys::real(std::string_view suffix, std::optional<double> fallback) const {
  const std::string name = key(suffix);
  return value_or(file_, name, file_.real(name), fallback, "number");
}

Result<int64_t> Keys::per_layer(std::string_view suffix, std::optional<int64_t> fallback,
                                ModelConfig& config) const {
  const std::vector<int64_t>* values = file_.integers(key(suffix));
  if (values == nullptr) return integer(suffix, fallback);
  if (values->empty())
    return fail(ErrorCode::kInvalidInput, "key " + printable(key(suffix)) + " is an empty array");
  for (int64_t value : *values) {
    if (value == values->front()) continue;
    config.unsupported.push_back("another value in every layer (key " + key(suffix) + ")");
    break;
  }
  return values->front();
}

bool has_tensor(const GgufFile& file, std::string_view name) {
  if (file.find_tensor(name) != nullptr) return true;
  return std::any_of(file.unsupported_tensors().begin(), file.unsupported_tensors().end(),
                     [&](const GgufUnsupportedTensor& tensor) { return tensor.name == name; });
}

}  // namespace headwise::gguf
