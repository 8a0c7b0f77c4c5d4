// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the words for what a model's files can ask for and this build does not compute, the same
// whatever the file, for the tables of keys in config_hf.cc and config_gguf.cc.
#pragma once

#include <string_view>

namespace headwise {

// A key that changes the forward pass in some class or other, and the value at which it does not.
struct ConfigFeature {
  std::string_view key;
  double inert;
  std::string_view phrase;
};

namespace features {

inline constexpr std::string_view kAttentionSoftCap = "soft-cap of attention logits";
inline constexpr std::string_view kOutputSoftCap = "soft-cap of output logits";
inline constexpr std::string_view kExperts = "mixture of experts";
inline constexpr std::string_view kSharedExperts = "experts that every token uses";
inline constexpr std::string_view kExpertGroups = "experts in groups";
inline constexpr std::string_view kExpertScale = "scaled shares of experts";
inline constexpr std::string_view kExpertGate = "shares of experts that are no softmax";
inline constexpr std::string_view kParallelResidual = "parallel residual";
inline constexpr std::string_view kAlibi = "ALiBi position bias";
inline constexpr std::string_view kClamped = "clamped q, k and v";
inline constexpr std::string_view kNotCausal = "attention that is not causal";
inline constexpr std::string_view kTemperature = "attention temperature by position";
inline constexpr std::string_view kAttentionScale = "attention scale other than 1/sqrt(head width)";
inline constexpr std::string_view kAttentionOutputScale = "scaled attention output";
inline constexpr std::string_view kScaledEmbeddings = "scaled embeddings";
inline constexpr std::string_view kScaledResiduals = "scaled residuals";
inline constexpr std::string_view kScaledOutput = "scaled output logits";
inline constexpr std::string_view kLatentAttention = "latent attention";
inline constexpr std::string_view kSharedKeys = "keys and values shared between layers";
inline constexpr std::string_view kLayerRope = "rope base of its own in some layers";
inline constexpr std::string_view kInterleavedRotary = "interleaved rotary positions";
inline constexpr std::string_view kDynamicRope = "dynamic rope scaling";
inline constexpr std::string_view kYarnLog = "yarn with a log multiplier";
inline constexpr std::string_view kQkNorms = "norms of q and k";

}  // namespace features
}  // namespace headwise
