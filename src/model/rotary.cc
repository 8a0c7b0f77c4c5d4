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

bool is_long(const RotarySpec& spec, int64_t positions) {
  return spec.scaling.kind == RopeScaling::Kind::kLongrope && positions > spec.scaling.original_context;
}

}  // namespace

RotaryFrequencies rotary_frequencies(const RotarySpec& spec, int64_t positions) {
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
    case RopeScaling::Kind::kLongrope: {
      const auto& divisors = is_long(spec, positions) ? scaling.long_divisors : scaling.short_divisors;
      for (size_t i = 0; i < frequencies.inverse.size(); ++i) frequencies.inverse[i] /= divisors[i];
      frequencies.attention_factor = static_cast<float>(scaling.attention_factor);
      break;
    }
  }
  return frequencies;
}

RotaryTable::RotaryTable(const RotarySpec& spec)
    : spec_(spec),
      short_{rotary_frequencies(spec, 0), {}, {}},
      long_{rotary_frequencies(spec, INT64_MAX), {}, {}} {}

void RotaryTable::prepare(int64_t positions) {
  is_long_ = is_long(spec_, positions);
  Values& values = is_long_ ? long_ : short_;
  const RotaryFrequencies& frequencies = values.frequencies;
  const int64_t have = half() == 0 ? positions : static_cast<int64_t>(values.cos.size()) / half();
  for (int64_t position = have; position < positions; ++position) {
    for (float frequency : frequencies.inverse) {
      const double angle =
          static_cast<float>(position) * frequency;  // fp32 product, as transformers rounds it
      values.cos.push_back(static_cast<float>(std::cos(angle)) * frequencies.attention_factor);
      values.sin.push_back(static_cast<float>(std::sin(angle)) * frequencies.attention_factor);
    }
  }
}

}  // namespace headwise
