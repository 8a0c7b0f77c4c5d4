// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the shape of a decoder language model, as read from config.json or GGUF metadata.
// What it is not: weights, or anything that depends on a prompt.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace headwise {

// How positions become rotation angles. Frequencies: inv_freq[i] = theta^(-2i/D), then scaled.
struct RopeScaling {
  enum class Kind { kNone, kLinear, kLlama3, kYarn, kLongrope };
  Kind kind = Kind::kNone;
  double factor = 1.0;
  // llama3: bands between original/low_freq_factor and original/high_freq_factor wavelengths are
  // interpolated.
  double low_freq_factor = 1.0;
  double high_freq_factor = 4.0;
  int64_t original_context = 0;  // llama3 and yarn: "original_max_position_embeddings"
  // yarn (Peng et al. 2023, arXiv 2309.00071): ramp between beta_slow and beta_fast rotations, cos and sin
  // scaled by attention_factor (0: 0.1 ln(factor) + 1, or from mscale where given).
  double beta_fast = 32.0;
  double beta_slow = 1.0;
  double attention_factor = 0.0;
  double mscale = 0.0;
  double mscale_all_dim = 0.0;
  bool truncate = true;  // yarn: round the ramp's ends to whole dimensions
  // GGUF llama3 files hold the divisors themselves (tensor rope_freqs.weight, D/2 values); wins over the
  // fields above.
  std::vector<float> frequency_divisors;
  // longrope (Ding et al. 2024, arXiv 2402.13753): divisors of each frequency in prompts of at most
  // original_context positions, and in longer ones; cos and sin scaled by attention_factor in both.
  std::vector<float> short_divisors;
  std::vector<float> long_divisors;
};

// Dimensions: L layers, H query heads, K key/value heads, D head width, C model width, F ffn, V vocabulary,
// E experts, M their width.
struct ModelConfig {
  std::string architecture;  // "llama", "qwen2", "gemma3": the key of the family table
  std::string name;          // general.name, _name_or_path or the file's name
  int64_t layers = 0;
  int64_t heads = 0;
  int64_t kv_heads = 0;
  int64_t head_width = 0;
  int64_t width = 0;
  int64_t ffn_width = 0;
  // Layers whose MLP is several, of which each token uses some (Fedus et al. 2021, arXiv 2101.03961).
  int64_t experts = 0;  // of such a layer; 0: there is none
  int64_t experts_used = 0;
  int64_t expert_width = 0;
  bool shares_of_used = false;                  // the used experts' shares of a token add up to 1
  std::vector<int64_t> layers_without_experts;  // ascending: their one MLP is of ffn_width
  int64_t vocabulary = 0;
  int64_t context = 0;  // longest position trained for, scaling included
  double norm_epsilon = 1e-5;
  double norm_weight_offset = 0.0;  // 1 where the file stores weights of norms as their distance from 1
  double rope_theta = 10000.0;
  RopeScaling rope_scaling;
  int64_t rotary_width = 0;        // dimensions of a head that positions turn, the first ones; 0: all of them
  double window_rope_theta = 0.0;  // of layers with a window, unscaled; 0: as the others
  // By layer: how many positions back a token sees, its own included; 0: all. Empty: all, in every layer.
  std::vector<int64_t> windows;
  std::vector<int64_t> layers_without_rotary;  // ascending
  double query_scale = 0.0;                    // on q . k; 0: 1/sqrt(D)
  double soft_cap = 0.0;                       // of attention logits; 0: none
  double embedding_multiplier = 1.0;
  double residual_multiplier = 1.0;  // on what attention and the MLP add
  bool qkv_bias = false;             // qwen2; llama with attention_bias
  bool output_bias = false;          // bias on the attention output projection (llama with attention_bias)
  bool mlp_bias = false;             // llama with mlp_bias
  bool qk_norm = false;              // qwen3: RMS norm of each head's q and k before rotary
  bool permuted_qk = false;  // GGUF llama files: rows of q and k are stored in interleaved rotary order
  bool tied_embeddings = true;
  // Features the files ask for and this build does not have, one phrase each ("sliding window of 4096 tokens
  // in layers 0-15 (config key sliding_window)"). Loading for compute fails when not empty; `inspect` prints
  // them.
  std::vector<std::string> unsupported;
};

}  // namespace headwise
