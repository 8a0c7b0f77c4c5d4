// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: positions to rotation angles for every supported scaling (none, linear, llama3, yarn,
// longrope).
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

// Of a prompt of `positions` positions: longrope has other frequencies in long prompts.
RotaryFrequencies rotary_frequencies(const RotarySpec& spec, int64_t positions);

// cos and sin of a prompt's positions, [positions, width/2] each; grows on demand.
class RotaryTable {
 public:
  explicit RotaryTable(const RotarySpec& spec);
  // Makes ready for a prompt of `positions` positions.
  void prepare(int64_t positions);
  int64_t width() const { return spec_.width; }
  const float* cos(int64_t position) const { return now().cos.data() + position * half(); }
  const float* sin(int64_t position) const { return now().sin.data() + position * half(); }

 private:
  struct Values {
    RotaryFrequencies frequencies;
    std::vector<float> cos;
    std::vector<float> sin;
  };
  int64_t half() const { return spec_.width / 2; }
  const Values& now() const { return is_long_ ? long_ : short_; }

  RotarySpec spec_;
  Values short_;
  Values long_;  // of prompts longer than longrope's original context
  bool is_long_ = false;
};

}  // namespace headwise
