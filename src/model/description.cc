// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "model/description.h"

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <utility>

#include "base/check.h"
#include "base/checked_math.h"
#include "base/file.h"
#include "formats/gguf.h"
#include "formats/printable.h"
#include "formats/safetensors.h"
#include "headwise/model.h"
#include "model/adapter.h"
#include "model/adapter_config.h"
#include "model/config.h"
#include "model/families.h"
#include "tokenizer/chat_format.h"

namespace headwise {
namespace {

namespace fs = std::filesystem;

constexpr size_t kLargestConfig = size_t{16} << 20;

// The number of values, at most INT64_MAX: shapes of types that we do not read are not checked against the
// file.
int64_t values_of(const std::vector<int64_t>& shape) {
  uint64_t values = 1;
  for (int64_t extent : shape) {
    const auto product = checked_mul(values, static_cast<uint64_t>(extent));
    if (!product || *product > static_cast<uint64_t>(INT64_MAX)) return INT64_MAX;
    values = *product;
  }
  return static_cast<int64_t>(values);
}

void add_tensors(const TensorFile& file, ModelDescription& description) {
  for (const TensorView& view : file.tensors()) {
    description.tensors.push_back({.name = view.name,
                                   .type = std::string(dtype_traits(view.dtype).name),
                                   .shape = view.shape,
                                   .values = values_of(view.shape),
                                   .bytes = static_cast<int64_t>(view.bytes),
                                   .readable = true});
  }
}

void add_unreadable(const std::string& name, const std::string& type, const std::vector<int64_t>& shape,
                    ModelDescription& description) {
  description.tensors.push_back({.name = name,
                                 .type = type,
                                 .shape = shape,
                                 .values = values_of(shape),
                                 .bytes = 0,
                                 .readable = false});
}

void total_tensors(ModelDescription& description) {
  for (const DescribedTensor& tensor : description.tensors) {
    auto& types = description.tensor_types;
    auto total =
        std::find_if(types.begin(), types.end(), [&](const auto& t) { return t.type == tensor.type; });
    if (total == types.end())
      total = types.insert(types.end(), {.type = tensor.type, .readable = tensor.readable});
    ++total->tensors;
    // Saturating: unreadable tensors may claim anything.
    if (__builtin_add_overflow(total->values, tensor.values, &total->values)) total->values = INT64_MAX;
    total->bytes += tensor.bytes;
  }
  std::stable_sort(description.tensor_types.begin(), description.tensor_types.end(),
                   [](const auto& a, const auto& b) { return a.bytes > b.bytes; });
}

MemoryCost cost_of(const ModelConfig& config, const ModelDescription& description) {
  MemoryCost cost;
  for (const DescribedTensor& tensor : description.tensors) cost.stored_weights += tensor.bytes;
  const ModelSpec spec = family_of(config).spec(config);
  const auto float_size = static_cast<int64_t>(sizeof(float));
  for (const LayerSpec& layer : spec.layers) {
    const int64_t bytes = float_size * layer_values(layer, config);
    cost.largest_layer = std::max(cost.largest_layer, bytes);
    cost.float_weights += bytes;
  }
  // Residual stream, queries, their mixed values, keys and values of a token, what enters and leaves its
  // experts (decoder/cpu/pass_scratch.h).
  int64_t values = values_in("C", config) + 2 * values_in("HD", config) + 2 * values_in("KD", config);
  if (config.experts > 0) values += (1 + config.experts_used) * values_in("C", config);
  cost.per_1000_tokens = 1000 * float_size * values;
  return cost;
}

Status describe_tokenizer(const Result<Tokenizer>& tokenizer, ModelDescription& description) {
  if (!tokenizer) {
    if (tokenizer.error().code() == ErrorCode::kInvalidInput) return fail(Error(tokenizer.error()));
    if (!tokenizer.error().message().empty()) {
      description.unsupported.push_back("tokenizer: " + tokenizer.error().to_string());
    }
    return {};
  }
  const auto chat = find_chat_format(*tokenizer, "");
  description.tokenizer = DescribedTokenizer{.kind = tokenizer->kind(),
                                             .vocabulary = tokenizer->vocabulary_size(),
                                             .chat_format = chat ? chat->name : "none"};
  return {};
}

enum class Depth { kWhole, kHeaders };

// What the headers alone say against loading, beside the configuration.
void note_unreadable_types(ModelDescription& description) {
  for (const TensorTypeTotal& total : description.tensor_types) {
    if (total.readable) continue;
    description.unsupported.push_back("tensors of type " + total.type);
  }
}

// Config and tensors are in; what remains is whether it all fits together.
Status finish(const fs::path& path, Depth depth, const std::function<Result<Tokenizer>()>& load_tokenizer,
              ModelDescription& description) {
  total_tensors(description);
  if (!description.config) return {};
  if (description.config->layers > 0) description.memory = cost_of(*description.config, description);
  auto& unsupported = description.unsupported;
  unsupported.insert(unsupported.end(), description.config->unsupported.begin(),
                     description.config->unsupported.end());
  if (depth == Depth::kHeaders) {
    note_unreadable_types(description);
    return {};
  }
  if (description.unsupported.empty()) {
    auto model = Model::load(path, {});
    if (model) {
      description.fingerprint = (*model)->fingerprint();
      return describe_tokenizer((*model)->tokenizer(), description);
    }
    const ErrorCode code = model.error().code();
    if (code != ErrorCode::kUnsupported && code != ErrorCode::kNotFound)
      return fail(std::move(model.error()));
    description.unsupported.push_back(model.error().message());
    // The same words would come a second time from a tokenizer that is the reason.
    const auto tokenizer = load_tokenizer();
    return tokenizer ? describe_tokenizer(tokenizer, description) : Status{};
  }
  return describe_tokenizer(load_tokenizer(), description);
}

Result<ModelDescription> describe_gguf(const fs::path& path, Depth depth) {
  auto file = GgufFile::open(path);
  HW_RETURN_IF_ERROR(file);
  ModelDescription description;
  description.format = "GGUF";
  add_tensors(*file, description);
  for (const auto& tensor : file->unsupported_tensors()) {
    add_unreadable(tensor.name, ggml_type_name(tensor.ggml_type), tensor.shape, description);
  }
  auto config = config_from_gguf(*file);
  HW_RETURN_IF_ERROR(config);
  description.config = std::move(*config);
  // Weights alone are worth a description, though nothing can be run with them.
  const bool has_tokenizer = file->find("tokenizer.ggml.model") != nullptr;
  if (!has_tokenizer)
    description.unsupported.emplace_back("a file without a tokenizer (key tokenizer.ggml.model)");
  const auto load_tokenizer = [&]() -> Result<Tokenizer> {
    if (!has_tokenizer) return fail(ErrorCode::kNotFound, "");
    return Tokenizer::from_gguf(*file);
  };
  HW_RETURN_IF_ERROR(finish(path, depth, load_tokenizer, description));
  return description;
}

void add_safetensors(const SafetensorsFile& file, ModelDescription& description) {
  add_tensors(file, description);
  for (const auto& tensor : file.unsupported_tensors()) {
    const std::string quoted = printable(tensor.dtype, 20);
    add_unreadable(tensor.name, quoted.substr(1, quoted.size() - 2), tensor.shape, description);
  }
}

Result<ModelDescription> describe_adapter(const fs::path& folder) {
  auto text = read_text_file(folder / "adapter_config.json", kLargestConfig);
  HW_RETURN_IF_ERROR(text);
  ModelDescription description;
  description.format = "PEFT adapter";
  DescribedAdapter adapter;
  auto config = parse_adapter_config(*text);
  if (config) {
    adapter.rank = config->rank;
    adapter.alpha = config->alpha;
    adapter.rank_stabilised = config->rank_stabilised;
    adapter.base_model = config->base_model;
  } else if (config.error().code() == ErrorCode::kUnsupported) {
    description.unsupported.push_back(config.error().message());
  } else {
    return fail(std::move(config.error()).with_context("reading adapter_config.json"));
  }
  auto file = SafetensorsFile::open(folder / "adapter_model.safetensors");
  HW_RETURN_IF_ERROR(file);
  add_safetensors(*file, description);
  total_tensors(description);
  std::set<std::pair<int64_t, LayerTensor>> matrices;
  std::map<LayerTensor, std::string_view> modules;
  for (const DescribedTensor& tensor : description.tensors) {
    const auto matrix = adapted_matrix(tensor.name);
    if (!matrix) continue;
    matrices.emplace(matrix->layer, matrix->tensor);
    modules.emplace(matrix->tensor, matrix->module);
  }
  adapter.matrices = static_cast<int64_t>(matrices.size());
  if (!matrices.empty()) {
    adapter.first_layer = matrices.begin()->first;
    adapter.last_layer = matrices.rbegin()->first;
  }
  for (const auto& [tensor, module] : modules) adapter.projections.emplace_back(module);
  description.adapter = std::move(adapter);
  return description;
}

Result<ModelDescription> describe_folder(const fs::path& folder, Depth depth) {
  std::error_code ignored;
  if (!fs::exists(folder / "config.json", ignored)) {
    if (fs::exists(folder / "adapter_config.json", ignored)) return describe_adapter(folder);
    return fail(ErrorCode::kNotFound,
                printable_path(folder.string()) +
                    " has no config.json: expected a Hugging Face model folder, a folder with "
                    "a PEFT adapter, or a .gguf file");
  }
  auto text = read_text_file(folder / "config.json", kLargestConfig);
  HW_RETURN_IF_ERROR(text);
  auto config = config_from_hf(*text);
  if (!config) {
    return fail(std::move(config.error())
                    .with_context("reading " + printable_path((folder / "config.json").string())));
  }
  ModelDescription description;
  description.format = "Hugging Face folder";
  description.config = std::move(*config);
  if (description.config->name.empty()) description.config->name = folder.filename().string();
  auto file = SafetensorsFile::open(folder);
  HW_RETURN_IF_ERROR(file);
  add_safetensors(*file, description);
  if (depth == Depth::kHeaders && !fs::exists(folder / "tokenizer.json", ignored)) {
    description.unsupported.emplace_back("a folder without tokenizer.json");
  }
  HW_RETURN_IF_ERROR(finish(
      folder, depth, [&] { return Tokenizer::load(folder / "tokenizer.json"); }, description));
  return description;
}

Result<ModelDescription> describe(const fs::path& path, Depth depth) {
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) return describe_folder(path, depth);
  const std::string name = path.string();
  if (!name.ends_with(".safetensors") && !name.ends_with(".safetensors.index.json"))
    return describe_gguf(path, depth);
  auto file = SafetensorsFile::open(path);
  HW_RETURN_IF_ERROR(file);
  ModelDescription description;
  description.format = "safetensors file";
  add_safetensors(*file, description);
  total_tensors(description);
  return description;
}

}  // namespace

Result<ModelDescription> describe_model(const fs::path& path) { return describe(path, Depth::kWhole); }

Result<ModelDescription> describe_headers(const fs::path& path) { return describe(path, Depth::kHeaders); }

}  // namespace headwise
