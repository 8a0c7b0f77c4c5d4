// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: a LoRA adapter in PEFT's layout (adapter_config.json, adapter_model.safetensors), read
// and checked: for each matrix it changes, the two factors and their scale. W' = W + scale * B A, with scale
// alpha / r, or alpha / sqrt(r) with use_rslora. Sources: Hu et al. 2021 (arXiv 2106.09685), section 4.1;
// Kalajdzievski 2023 (arXiv 2312.03732) for rslora; PEFT 0.19's utils/save_and_load.py for names and
// patterns. What it is not: the merging (weights.h).
//
// Errors: kNotFound for a missing file, kInvalidInput for a damaged one, kUnsupported names the feature
// (DoRA, modules_to_save, ...). Thread rule: immutable.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "headwise/error.h"
#include "headwise/model.h"
#include "headwise/model_config.h"
#include "model/tensor_roles.h"

namespace headwise {

struct AdapterMatrix {
  int64_t layer = 0;
  LayerTensor tensor = LayerTensor::kQuery;
  int64_t rank = 0;
  double scale = 0.0;
  std::vector<float> a;  // [rank, in]
  std::vector<float> b;  // [out, rank], rows as transformers orders them
};

struct Adapter {
  std::vector<AdapterMatrix> matrices;  // at least one; each (layer, tensor) once
  // Over everything that changes a weight: part of the fingerprint of a model that it is merged into.
  uint64_t hash() const;
};

// A matrix that an adapter's file changes.
struct AdaptedMatrix {
  int64_t layer = 0;
  LayerTensor tensor = LayerTensor::kQuery;
  std::string_view module;  // "self_attn.q_proj"
};
// The one that a tensor of the file is a factor of, in the names of any family; nothing for any other tensor.
std::optional<AdaptedMatrix> adapted_matrix(std::string_view tensor_name);

// An adapter for a model of this shape, from memory and from a folder.
Result<Adapter> parse_adapter(const AdapterFiles& files, const ModelConfig& model);
Result<Adapter> read_adapter(const std::filesystem::path& folder, const ModelConfig& model);

}  // namespace headwise
