// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "model/families.h"

#include <algorithm>
#include <array>

#include "model/config_check.h"

namespace headwise {

// Each in its file of families/.
extern const ModelFamily kLlama, kMistral, kQwen2, kQwen3, kGemma2, kGemma3, kOlmo2, kSmolLM3, kGranite,
    kPhi3, kQwen3Moe;

namespace {

// In the order in which they are looked for and named.
constexpr std::array<const ModelFamily*, 11> kFamilies{&kLlama,    &kMistral, &kQwen2,  &kQwen3,
                                                       &kQwen3Moe, &kGemma2,  &kGemma3, &kOlmo2,
                                                       &kSmolLM3,  &kGranite, &kPhi3};

// The classes that share the decoder: what stands on top of it is not read.
constexpr std::array<std::string_view, 3> kClassSuffixes{"ForCausalLM", "Model", "ForSequenceClassification"};

bool is_class_of(const ModelFamily& family, std::string_view class_name) {
  if (!class_name.starts_with(family.hf_class_prefix)) return false;
  const std::string_view rest = class_name.substr(family.hf_class_prefix.size());
  return std::find(kClassSuffixes.begin(), kClassSuffixes.end(), rest) != kClassSuffixes.end();
}

template <typename Matches>
const ModelFamily* find_family(const Matches& matches) {
  const auto found =
      std::find_if(kFamilies.begin(), kFamilies.end(), [&](const ModelFamily* f) { return matches(*f); });
  return found == kFamilies.end() ? nullptr : *found;
}

}  // namespace

bool ModelFamily::reads(std::string_view key, bool of_gguf) const {
  return std::any_of(numbers.begin(), numbers.end(), [&](const FamilyNumber& number) {
    return (of_gguf ? number.gguf : number.hugging_face) == key;
  });
}

std::span<const ModelFamily* const> model_families() { return kFamilies; }

const ModelFamily* find_gguf_family(std::string_view architecture) {
  return find_family([&](const ModelFamily& family) { return family.architecture == architecture; });
}

const ModelFamily* find_hf_family(std::string_view class_name, std::string_view model_type) {
  return find_family([&](const ModelFamily& family) {
    return class_name.empty() ? family.hf_model_type == model_type : is_class_of(family, class_name);
  });
}

const ModelFamily& family_of(const ModelConfig& config) {
  const ModelFamily* family = find_gguf_family(config.architecture);
  return family != nullptr ? *family : kLlama;
}

Status complete_config(const ModelFamily& family, ModelConfig& config, bool gguf) {
  if (family.complete != nullptr) family.complete(config, gguf);
  return check_multipliers(config);
}

std::string supported_architectures() {
  std::string names;
  for (const ModelFamily* family : kFamilies) {
    names += (names.empty() ? "" : ", ") + std::string(family->hf_model_type);
  }
  return names;
}

}  // namespace headwise
