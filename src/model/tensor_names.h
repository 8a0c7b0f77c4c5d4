// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: how Hugging Face and GGUF files call a decoder's tensors. A family has its own table of
// the tensors of a layer, one row a stored tensor; those that stand outside the layers are the same in all.
// What it is not: what the tensors are (tensor_roles.h).
#pragma once

#include <array>
#include <concepts>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "model/tensor_roles.h"

namespace headwise {

// What a stored tensor holds: one of ours, or several of the same width below each other ("q, k and v in
// one").
class Stacked {
 public:
  template <std::same_as<LayerTensor>... More>
  // NOLINTNEXTLINE(google-explicit-constructor): a row of a table reads better without its name.
  constexpr Stacked(LayerTensor first, More... more)
      : tensors_{first, more...}, count_(1 + sizeof...(more)) {}
  constexpr std::span<const LayerTensor> tensors() const { return {tensors_.data(), count_}; }

 private:
  std::array<LayerTensor, 3> tensors_{};
  size_t count_;
};

struct TensorName {
  Stacked holds;
  std::string_view hugging_face;  // after "model.layers.<n>."; with a *, a tensor for each expert
  std::string_view gguf;          // after "blk.<n>."
};
using TensorNames = std::span<const TensorName>;

// The name in a file; of an expert's tensor where each has its own.
std::string stored_name(const TensorName& name, int64_t layer, bool gguf, int64_t expert = 0);
// Whether each expert has a tensor of its own.
bool is_by_expert(const TensorName& name, bool gguf);
// "self_attn.q_proj": the module of a tensor, as PEFT names it; `name` without its last part.
std::string_view module_of(const TensorName& name);
// The row of a tensor of ours; null where the family has none.
const TensorName* name_of(TensorNames names, LayerTensor tensor);

// Outside the layers. Those that score nothing are not read, but for what their being there says.
struct ModelTensorName {
  std::string_view hugging_face;
  std::string_view gguf;
  std::string_view shape;  // in dimension letters
};
inline constexpr ModelTensorName kEmbedding{"model.embed_tokens.weight", "token_embd.weight", "V C"};
inline constexpr ModelTensorName kFinalNorm{"model.norm.weight", "output_norm.weight", "C"};
inline constexpr ModelTensorName kOutputLayer{"lm_head.weight", "output.weight", "V C"};
inline constexpr std::string_view kFrequencyDivisors = "rope_freqs.weight";  // GGUF alone; [D / 2]

}  // namespace headwise
