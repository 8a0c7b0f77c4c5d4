// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: positions to rotation angles for every supported scaling (none, linear, llama3, yarn).
// Source: Hugging Face transformers, modeling_rope_utils.py; its rounding (fp32 frequencies and angles) is
// followed, because at long positions the rounding is visible in the scores.
#pragma once

#include <cstdint>
#include <vector>

#include "headwise/model_config.h"
#include "model/layer_spec.h"

namespace headwise {

// Rotation of a spec: inv_freq [width/2] and the factor on cos and sin.
struct RotaryFrequencies {
  std::vector<float> inverse;
  float attention_factor = 1.0f;
};

RotaryFrequencies rotary_frequencies(const RotarySpec& spec);

// cos and sin of positions 0 .. rows-1, [rows, width/2] each; grows on demand.
class RotaryTable {
 public:
  explicit RotaryTable(const RotarySpec& spec) : frequencies_(rotary_frequencies(spec)) {}
  // Makes room for positions below `positions`.
  void reserve(int64_t positions);
  const float* cos(int64_t position) const { return cos_.data() + position * half(); }
  const float* sin(int64_t position) const { return sin_.data() + position * half(); }

 private:
  int64_t half() const { return static_cast<int64_t>(frequencies_.inverse.size()); }
  RotaryFrequencies frequencies_;
  std::vector<float> cos_;
  std::vector<float> sin_;
};

}  // namespace headwise
