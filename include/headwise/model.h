// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: a loaded decoder language model: its shape, tokenizer and (memory-mapped) weights.
//
//   auto model = headwise::Model::load("SmolLM2-135M-Instruct.Q4_1.gguf", {});
//
// Thread rule: immutable after loading; share one Model between any number of Rerankers and threads.
// Errors: kNotFound, kInvalidInput (malformed or hostile file), kUnsupported (names the feature),
// kResourceLimit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "headwise/error.h"
#include "headwise/model_config.h"
#include "headwise/tokenizer.h"

namespace headwise {

struct ModelWeights;

// A LoRA adapter in memory: the contents of the two files that PEFT writes.
struct AdapterFiles {
  std::string_view config;             // adapter_config.json
  std::span<const std::byte> tensors;  // adapter_model.safetensors
};

// kAuto: the fastest on this processor that passed the gate of docs/evaluation.md#precision.
enum class Precision { kFloat32, kBfloat16, kInt8, kAuto };

struct ModelOptions {
  // kStored keeps the weights as the file has them and turns them into fp32 layer by layer during a pass
  // (least memory); kFloat32 turns them into fp32 once, at load (fastest). Scores are the same bits either
  // way.
  enum class Weights { kStored, kFloat32 };
  Weights weights = Weights::kStored;
  // What the linear layers multiply; sums are fp32, or exact. Decides scores: docs/method.md#precision. Less
  // than fp32 is made once, of the merged weights. The program, its server and Python ask for kAuto.
  Precision precision = Precision::kFloat32;
  // A folder with a LoRA adapter in PEFT's layout, merged at load; empty: none. The matrices that it changes
  // are kept as fp32.
  std::filesystem::path adapter{};
  // Where `adapter` is empty: asked once with the model's base fingerprint for an adapter to merge; null for
  // none. What it gives must live until load() is done.
  std::function<const AdapterFiles*(std::string_view base_fingerprint)> choose_adapter{};
};

class Model {
 public:
  // A .gguf file or a folder with config.json, *.safetensors and tokenizer.json.
  static Result<std::shared_ptr<const Model>> load(const std::filesystem::path& path,
                                                   const ModelOptions& options);
  ~Model();

  const ModelConfig& config() const { return config_; }
  const Tokenizer& tokenizer() const { return tokenizer_; }
  const std::filesystem::path& path() const { return path_; }
  // "llama-30x9-576-<16 hex digits>": architecture, layers x heads, width, and a hash of shape and sampled
  // weights. Two files with the same values have the same one whatever their names; head sets and score
  // stores carry it.
  const std::string& fingerprint() const { return fingerprint_; }
  // The fingerprint without the adapter: the same string where there is none. With one, fingerprint() has
  // "+lora-<16 hex digits>" behind it.
  const std::string& base_fingerprint() const { return base_fingerprint_; }
  // For the engine's own use.
  const ModelWeights& weights() const { return *weights_; }

 private:
  Model(ModelConfig config, Tokenizer tokenizer, std::unique_ptr<ModelWeights> weights,
        std::filesystem::path path, std::string base_fingerprint, std::string fingerprint);
  ModelConfig config_;
  Tokenizer tokenizer_;
  std::unique_ptr<ModelWeights> weights_;
  std::filesystem::path path_;
  std::string base_fingerprint_;
  std::string fingerprint_;
};

}  // namespace headwise
