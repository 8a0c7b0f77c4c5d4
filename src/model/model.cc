// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Opens a model: container -> config -> tokenizer -> weights, and its fingerprint.
#include "headwise/model.h"

#include <optional>

#include "base/check.h"
#include "base/file.h"
#include "base/fingerprint.h"
#include "formats/gguf.h"
#include "formats/safetensors.h"
#include "model/adapter.h"
#include "model/config.h"
#include "model/weights.h"

namespace headwise {
namespace {

namespace fs = std::filesystem;

struct Opened {
  ModelConfig config;
  Tokenizer tokenizer;
  std::unique_ptr<TensorFile> file;
  bool gguf = false;
};

// Before the tokenizer is read: an architecture that is not supported is the more useful message.
Status check_supported(const ModelConfig& config) {
  if (config.unsupported.empty()) return {};
  std::string list;
  for (const std::string& feature : config.unsupported) list += (list.empty() ? "" : "; ") + feature;
  return fail(ErrorCode::kUnsupported,
              "this model needs what this build does not have: " + list + ". `headwise inspect` shows more");
}

Result<Opened> open_gguf(const fs::path& path) {
  auto file = GgufFile::open(path);
  HW_RETURN_IF_ERROR(file);
  auto config = config_from_gguf(*file);
  HW_RETURN_IF_ERROR(config);
  HW_RETURN_IF_ERROR(check_supported(*config));
  auto tokenizer = Tokenizer::from_gguf(*file);
  HW_RETURN_IF_ERROR(tokenizer);
  return Opened{std::move(*config), std::move(*tokenizer), std::make_unique<GgufFile>(std::move(*file)),
                true};
}

Result<Opened> open_folder(const fs::path& folder) {
  auto config_text = read_text_file(folder / "config.json", size_t{16} << 20);
  HW_RETURN_IF_ERROR(config_text);
  auto config = config_from_hf(*config_text);
  if (!config) return fail(std::move(config.error()).with_context("reading config.json"));
  HW_RETURN_IF_ERROR(check_supported(*config));
  auto tokenizer = Tokenizer::load(folder / "tokenizer.json");
  HW_RETURN_IF_ERROR(tokenizer);
  auto file = SafetensorsFile::open(folder);
  HW_RETURN_IF_ERROR(file);
  return Opened{std::move(*config), std::move(*tokenizer),
                std::make_unique<SafetensorsFile>(std::move(*file)), false};
}

std::string fingerprint_of(const ModelConfig& config, const ModelWeights& weights) {
  return config.architecture + "-" + std::to_string(config.layers) + "x" + std::to_string(config.heads) +
         "-" + std::to_string(config.width) + "-" + hex16(weights.hash());
}

Result<std::optional<Adapter>> wanted_adapter(const ModelOptions& options, std::string_view base_fingerprint,
                                              const ModelConfig& config) {
  if (!options.adapter.empty()) return read_adapter(options.adapter, config);
  const AdapterFiles* files = options.choose_adapter ? options.choose_adapter(base_fingerprint) : nullptr;
  if (files == nullptr) return std::nullopt;
  return parse_adapter(*files, config);
}

}  // namespace

Model::Model(ModelConfig config, Tokenizer tokenizer, std::unique_ptr<ModelWeights> weights, fs::path path,
             std::string base_fingerprint, std::string fingerprint)
    : config_(std::move(config)),
      tokenizer_(std::move(tokenizer)),
      weights_(std::move(weights)),
      path_(std::move(path)),
      base_fingerprint_(std::move(base_fingerprint)),
      fingerprint_(std::move(fingerprint)) {}

Model::~Model() = default;

Result<std::shared_ptr<const Model>> Model::load(const fs::path& path, const ModelOptions& options) {
  const std::string doing = "loading model '" + path.string() + "'";
  std::error_code ignored;
  auto opened = fs::is_directory(path, ignored) ? open_folder(path) : open_gguf(path);
  if (!opened) return fail(std::move(opened.error()).with_context(doing));
  auto weights = ModelWeights::create(std::move(opened->file), opened->config, opened->gguf, options);
  if (!weights) return fail(std::move(weights.error()).with_context(doing));
  if (opened->tokenizer.vocabulary_size() > opened->config.vocabulary) {
    return fail(Error(ErrorCode::kInvalidInput,
                      "the tokenizer has " + std::to_string(opened->tokenizer.vocabulary_size()) +
                          " tokens, the model embeds " + std::to_string(opened->config.vocabulary) +
                          "; they do not belong together")
                    .with_context(doing));
  }
  std::string base_fingerprint = fingerprint_of(opened->config, **weights);
  std::string fingerprint = base_fingerprint;
  auto adapter = wanted_adapter(options, base_fingerprint, opened->config);
  if (!adapter) return fail(std::move(adapter.error()));
  if (*adapter) {
    fingerprint += "+lora-" + hex16((*adapter)->hash());
    (*weights)->adapt(std::move(**adapter));
  }
  return std::shared_ptr<const Model>(new Model(std::move(opened->config), std::move(opened->tokenizer),
                                                std::move(*weights), path, std::move(base_fingerprint),
                                                std::move(fingerprint)));
}

}  // namespace headwise
