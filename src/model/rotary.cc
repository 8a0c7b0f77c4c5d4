// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "model/rotary.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "model/config_check.h"

namespace headwise {
namespace {

// Llama 3.1: long wavelengths are stretched by `factor`, short ones kept, those between blended.
void scale_llama3(const RopeScaling& scaling, std::vector<float>& inverse) {
  const auto original = static_cast<double>(scaling.original_context);
  const double longest_kept = original / scaling.high_freq_factor;
  const double shortest_scaled = original / scaling.low_freq_factor;
  for (float& frequency : inverse) {
    const double wavelength = 2.0 * std::numbers::pi / frequency;
    if (wavelength < longest_kept) continue;
    if (wavelength > shortest_scaled) {
      frequency = static_cast<float>(frequency / scaling.factor);
      continue;
    }
    const double smooth = (original / wavelength - scaling.low_freq_factor) /
                          (scaling.high_freq_factor - scaling.low_freq_factor);
    frequency = static_cast<float>((1.0 - smooth) * frequency / scaling.factor + smooth * frequency);
  }
}

// YaRN (Peng et al. 2023, arXiv 2309.00071, section 3.2 and 3.4). Returns the factor on cos and sin.
float scale_yarn(const RotarySpec& spec, std::vector<float>& inverse) {
  const RopeScaling& scaling = spec.scaling;
  const auto width = static_cast<double>(spec.width);
  const auto original = static_cast<double>(scaling.original_context);
  // Dimension at which a wave turns `rotations` times over the original context.
  const auto dimension = [&](double rotations) {
    return width * std::log(original / (rotations * 2.0 * std::numbers::pi)) / (2.0 * std::log(spec.theta));
  };
  double low = dimension(scaling.beta_fast);
  double high = dimension(scaling.beta_slow);
  if (scaling.truncate) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, width - 1.0);
  if (low == high) high += 0.001;
  for (size_t i = 0; i < inverse.size(); ++i) {
    const double ramp = std::clamp((static_cast<double>(i) - low) / (high - low), 0.0, 1.0);
    inverse[i] = static_cast<float>(inverse[i] / scaling.factor * ramp + inverse[i] * (1.0 - ramp));
  }
  return static_cast<float>(scaling.attention_factor > 0.0 ? scaling.attention_factor
                                                           : default_yarn_attention_factor(scaling));
}

}  // namespace

RotaryFrequencies rotary_frequencies(const RotarySpec& spec) {
  RotaryFrequencies frequencies;
  const int64_t half = spec.width / 2;
  for (int64_t i = 0; i < half; ++i) {
    const double exponent = static_cast<double>(2 * i) / static_cast<double>(spec.width);
    frequencies.inverse.push_back(static_cast<float>(1.0 / std::pow(spec.theta, exponent)));
  }
  const RopeScaling& scaling = spec.scaling;
  if (!scaling.frequency_divisors.empty()) {
    for (size_t i = 0; i < frequencies.inverse.size(); ++i)
      frequencies.inverse[i] /= scaling.frequency_divisors[i];
    return frequencies;
  }
  switch (scaling.kind) {
    case RopeScaling::Kind::kNone:
      break;
    case RopeScaling::Kind::kLinear:
      for (float& frequency : frequencies.inverse) frequency = static_cast<float>(frequency / scaling.factor);
      break;
    case RopeScaling::Kind::kLlama3:
      scale_llama3(scaling, frequencies.inverse);
      break;
    case RopeScaling::Kind::kYarn:
      frequencies.attention_factor = scale_yarn(spec, frequencies.inverse);
      break;
  }
  return frequencies;
}

void RotaryTable::reserve(int64_t positions) {
  const int64_t have = half() == 0 ? positions : static_cast<int64_t>(cos_.size()) / half();
  for (int64_t position = have; position < positions; ++position) {
    for (float frequency : frequencies_.inverse) {
      const double angle =
          static_cast<float>(position) * frequency;  // fp32 product, as transformers rounds it
      cos_.push_back(static_cast<float>(std::cos(angle)) * frequencies_.attention_factor);
      sin_.push_back(static_cast<float>(std::sin(angle)) * frequencies_.attention_factor);
    }
  }
}

}  // namespace headwise
