// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "model/config_check.h"

#include <array>
#include <cmath>
#include <cstdio>
#include <string_view>

#include "base/check.h"

namespace headwise {
namespace {

struct Bound {
  std::string_view what;
  int64_t ModelConfig::*field;
  int64_t largest;
};

// Far above any model there is, far below what makes products of four of them overflow.
constexpr std::array<Bound, 8> kBounds{{
    {"the number of layers", &ModelConfig::layers, 4096},
    {"the number of attention heads", &ModelConfig::heads, 4096},
    {"the number of key/value heads", &ModelConfig::kv_heads, 4096},
    {"the head width", &ModelConfig::head_width, 8192},
    {"the model width", &ModelConfig::width, int64_t{1} << 18},
    {"the feed-forward width", &ModelConfig::ffn_width, int64_t{1} << 20},
    {"the vocabulary size", &ModelConfig::vocabulary, int64_t{1} << 24},
    {"the context length", &ModelConfig::context, int64_t{1} << 30},
}};

Status check_experts(const ModelConfig& config) {
  if (config.experts == 0) return {};
  const struct {
    std::string_view what;
    int64_t value;
    int64_t largest;
  } bounds[] = {{"the number of experts", config.experts, 1024},
                {"the number of experts that a token uses", config.experts_used, config.experts},
                {"the experts' width", config.expert_width, int64_t{1} << 16}};
  for (const auto& [what, value, largest] : bounds) {
    if (value >= 1 && value <= largest) continue;
    return fail(ErrorCode::kInvalidInput, std::string(what) + " is " + std::to_string(value) +
                                              "; expected 1 to " + std::to_string(largest));
  }
  return {};
}

Status check_positive(double value, double largest, std::string_view what) {
  if (value > 0.0 && value <= largest) return {};  // false for NaN
  return fail(ErrorCode::kInvalidInput, std::string(what) + " is " + show_number(value) +
                                            "; expected a number above 0 and at most " +
                                            show_number(largest));
}

constexpr double kLargest = 1e12;

Status check_longrope(const ModelConfig& config) {
  const RopeScaling& scaling = config.rope_scaling;
  const int64_t turned = config.rotary_width != 0 ? config.rotary_width : config.head_width;
  HW_RETURN_IF_ERROR(check_positive(static_cast<double>(scaling.original_context), kLargest,
                                    "the original context of the rope scaling"));
  HW_RETURN_IF_ERROR(check_positive(scaling.attention_factor, kLargest, "the rope attention factor"));
  for (const std::vector<float>* divisors : {&scaling.short_divisors, &scaling.long_divisors}) {
    if (static_cast<int64_t>(divisors->size()) * 2 != turned) {
      return fail(ErrorCode::kInvalidInput, "longrope has " + std::to_string(divisors->size()) +
                                                " factors; expected half of the " + std::to_string(turned) +
                                                " dimensions that positions turn");
    }
    for (const float divisor : *divisors) {
      HW_RETURN_IF_ERROR(check_positive(divisor, kLargest, "a longrope factor"));
    }
  }
  return {};
}

Status check_rope(const ModelConfig& config) {
  if (config.rotary_width < 0 || config.rotary_width > config.head_width || config.rotary_width % 2 != 0) {
    return fail(ErrorCode::kInvalidInput, "positions turn " + std::to_string(config.rotary_width) +
                                              " dimensions of a head; expected an even number up to " +
                                              std::to_string(config.head_width));
  }
  if (config.window_rope_theta != 0.0) {
    HW_RETURN_IF_ERROR(
        check_positive(config.window_rope_theta, kLargest, "the rope base of layers with a window"));
  }
  HW_RETURN_IF_ERROR(check_positive(config.rope_theta, kLargest, "rope_theta"));
  const RopeScaling& scaling = config.rope_scaling;
  if (scaling.kind == RopeScaling::Kind::kNone) return {};
  HW_RETURN_IF_ERROR(check_positive(scaling.factor, kLargest, "the rope scaling factor"));
  if (!scaling.frequency_divisors.empty()) {
    if (static_cast<int64_t>(scaling.frequency_divisors.size()) * 2 != config.head_width) {
      return fail(ErrorCode::kInvalidInput, "there are " + std::to_string(scaling.frequency_divisors.size()) +
                                                " rope frequency divisors; expected half the head width of " +
                                                std::to_string(config.head_width));
    }
    for (float divisor : scaling.frequency_divisors) {
      HW_RETURN_IF_ERROR(check_positive(divisor, kLargest, "a rope frequency divisor"));
    }
    return {};
  }
  if (scaling.kind == RopeScaling::Kind::kLinear) return {};
  if (scaling.kind == RopeScaling::Kind::kLongrope) return check_longrope(config);
  HW_RETURN_IF_ERROR(check_positive(static_cast<double>(scaling.original_context), kLargest,
                                    "the original context of the rope scaling"));
  if (scaling.kind == RopeScaling::Kind::kLlama3) {
    HW_RETURN_IF_ERROR(check_positive(scaling.low_freq_factor, kLargest, "low_freq_factor"));
    HW_RETURN_IF_ERROR(check_positive(scaling.high_freq_factor, kLargest, "high_freq_factor"));
    if (scaling.high_freq_factor <= scaling.low_freq_factor) {
      return fail(ErrorCode::kInvalidInput, "high_freq_factor (" + show_number(scaling.high_freq_factor) +
                                                ") must be above low_freq_factor (" +
                                                show_number(scaling.low_freq_factor) + ")");
    }
    return {};
  }
  HW_RETURN_IF_ERROR(check_positive(scaling.beta_fast, kLargest, "beta_fast"));
  HW_RETURN_IF_ERROR(check_positive(scaling.beta_slow, kLargest, "beta_slow"));
  HW_RETURN_IF_ERROR(check_positive(scaling.attention_factor, kLargest, "the rope attention factor"));
  if (config.rope_theta <= 1.0) {
    return fail(ErrorCode::kInvalidInput,
                "rope_theta must be above 1 with yarn, found " + show_number(config.rope_theta));
  }
  return {};
}

}  // namespace

std::string show_number(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.10g", value);
  return text.data();
}

void lengthen_context(ModelConfig& config) {
  const RopeScaling& scaling = config.rope_scaling;
  const double scaled = scaling.factor * static_cast<double>(scaling.original_context);
  if (scaled > static_cast<double>(config.context) && scaled < 1e9) config.context = std::llround(scaled);
}

double default_yarn_attention_factor(const RopeScaling& scaling) {
  const auto mscale_of = [&](double weight) {
    return scaling.factor <= 1.0 ? 1.0 : 0.1 * weight * std::log(scaling.factor) + 1.0;
  };
  if (scaling.mscale != 0.0 && scaling.mscale_all_dim != 0.0) {
    return mscale_of(scaling.mscale) / mscale_of(scaling.mscale_all_dim);
  }
  return mscale_of(1.0);
}

Status check_multipliers(const ModelConfig& config) {
  if (config.query_scale != 0.0) {
    HW_RETURN_IF_ERROR(check_positive(config.query_scale, kLargest, "the scale of attention logits"));
  }
  if (config.soft_cap != 0.0) {
    HW_RETURN_IF_ERROR(check_positive(config.soft_cap, kLargest, "the soft-cap of attention logits"));
  }
  HW_RETURN_IF_ERROR(check_positive(config.embedding_multiplier, kLargest, "the multiplier of embeddings"));
  return check_positive(config.residual_multiplier, kLargest, "the multiplier of residuals");
}

Status check_config(const ModelConfig& config) {
  for (const Bound& bound : kBounds) {
    const int64_t value = config.*bound.field;
    if (value < 1 || value > bound.largest) {
      return fail(ErrorCode::kInvalidInput, std::string(bound.what) + " is " + std::to_string(value) +
                                                "; expected 1 to " + std::to_string(bound.largest));
    }
  }
  HW_RETURN_IF_ERROR(check_experts(config));
  if (config.heads % config.kv_heads != 0) {
    return fail(ErrorCode::kInvalidInput, std::to_string(config.heads) + " attention heads cannot share " +
                                              std::to_string(config.kv_heads) +
                                              " key/value heads evenly; expected a divisor");
  }
  if (config.head_width % 2 != 0) {
    return fail(ErrorCode::kInvalidInput, "the head width is " + std::to_string(config.head_width) +
                                              "; rotary positions need an even one");
  }
  HW_RETURN_IF_ERROR(check_positive(config.norm_epsilon, 1.0, "the epsilon of the norms"));
  return check_rope(config);
}

}  // namespace headwise
