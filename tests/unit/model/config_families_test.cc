// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// config.json of families that differ from Llama in more than names: what is read, what is refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "model/config.h"
#include "unit/model/config_json.h"

namespace headwise {
namespace {

using config_json::Json;
using config_json::llama;
using config_json::mistral;
using config_json::qwen2;
using config_json::read;
using config_json::with;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;

// Layers with a window, and its width; -1: layers differ.
std::pair<std::vector<int64_t>, int64_t> windows_of(const Json& json) {
  const ModelConfig config = read(json);
  EXPECT_THAT(config.unsupported, IsEmpty());
  std::pair<std::vector<int64_t>, int64_t> found{{}, 0};
  for (size_t i = 0; i < config.windows.size(); ++i) {
    if (config.windows[i] == 0) continue;
    found.second = found.first.empty() || found.second == config.windows[i] ? config.windows[i] : -1;
    found.first.push_back(static_cast<int64_t>(i));
  }
  return found;
}

TEST(HfConfig, SlidingWindows) {
  // Mistral: every layer, unless null. Missing: the class's 4096.
  EXPECT_THAT(windows_of(with(mistral(), "sliding_window", nullptr)).first, IsEmpty());
  EXPECT_THAT(windows_of(with(mistral(), "sliding_window", 511)), Pair(SizeIs(30), 511));
  EXPECT_THAT(windows_of(mistral()), Pair(SizeIs(30), 4096));
  // Qwen: only with use_sliding_window, and from max_window_layers on or where layer_types says so.
  Json json = with(qwen2(), "sliding_window", 128);
  EXPECT_THAT(windows_of(json).first, IsEmpty());
  json["use_sliding_window"] = true;
  EXPECT_THAT(windows_of(json), Pair(ElementsAre(28, 29), 128));
  json["max_window_layers"] = 30;
  EXPECT_THAT(windows_of(json).first, IsEmpty());
  Json types = Json::array();
  for (int layer = 0; layer < 30; ++layer)
    types.push_back(layer % 10 == 3 ? "sliding_attention" : "full_attention");
  json["layer_types"] = types;
  EXPECT_THAT(windows_of(json), Pair(ElementsAre(3, 13, 23), 128));
  // Llama's class does not read the key.
  EXPECT_THAT(windows_of(with(llama(), "sliding_window", 128)).first, IsEmpty());
}

Json bare_family(const char* type, const char* class_name) {
  Json json = with(llama(), "architectures", {class_name});
  json["model_type"] = type;
  json["num_hidden_layers"] = 12;
  json["hidden_size"] = 256;
  json["num_attention_heads"] = 4;
  json["num_key_value_heads"] = 2;
  for (const char* key : {"hidden_act", "head_dim", "rope_scaling", "rope_theta", "rms_norm_eps"}) {
    json.erase(key);
  }
  return json;
}

TEST(HfConfig, Gemma3AsTransformers4And5SayIt) {
  Json json = bare_family("gemma3_text", "Gemma3ForCausalLM");
  json["query_pre_attn_scalar"] = 64;
  json["sliding_window"] = 512;
  json["hidden_activation"] = "gelu_pytorch_tanh";
  json["rope_scaling"] = {{"rope_type", "linear"}, {"factor", 8.0}};
  ModelConfig config = read(json);
  EXPECT_THAT(config.unsupported, IsEmpty());
  EXPECT_EQ(config.head_width, 256);
  EXPECT_TRUE(config.qk_norm && config.tied_embeddings);
  EXPECT_EQ(config.norm_weight_offset, 1.0);
  EXPECT_EQ(config.embedding_multiplier, 16.0);
  EXPECT_EQ(config.query_scale, 0.125);
  EXPECT_EQ(config.soft_cap, 0.0);
  EXPECT_EQ(config.rope_theta, 1e6);
  EXPECT_EQ(config.window_rope_theta, 1e4);
  EXPECT_EQ(config.rope_scaling.factor, 8.0);
  EXPECT_THAT(windows_of(json), Pair(ElementsAre(0, 1, 2, 3, 4, 6, 7, 8, 9, 10), 512));
  json.erase("rope_scaling");
  json["rope_parameters"] = {{"full_attention", {{"rope_type", "default"}, {"rope_theta", 5e5}}},
                             {"sliding_attention", {{"rope_type", "default"}, {"rope_theta", 3e3}}}};
  config = read(json);
  EXPECT_THAT(config.unsupported, IsEmpty());
  EXPECT_EQ(config.rope_theta, 5e5);
  EXPECT_EQ(config.window_rope_theta, 3e3);
  json["rope_parameters"]["sliding_attention"]["rope_type"] = "linear";
  EXPECT_THAT(read(json).unsupported, ElementsAre(HasSubstr("'linear' in layers with a window")));
  json["rope_parameters"]["sliding_attention"]["rope_type"] = "default";
  json["hidden_activation"] = "relu";
  EXPECT_THAT(read(json).unsupported, ElementsAre(HasSubstr("activation 'relu'")));
}

TEST(HfConfig, Gemma2sDefaults) {
  const ModelConfig config = read(bare_family("gemma2", "Gemma2ForCausalLM"));
  EXPECT_THAT(config.unsupported, IsEmpty());
  EXPECT_EQ(config.soft_cap, 50.0);
  EXPECT_EQ(config.query_scale, 1.0 / 16.0);
  EXPECT_EQ(config.window_rope_theta, 0.0);
  EXPECT_THAT(config.windows, ElementsAre(4096, 0, 4096, 0, 4096, 0, 4096, 0, 4096, 0, 4096, 0));
  EXPECT_EQ(read(with(bare_family("gemma2", "Gemma2Model"), "attn_logit_softcapping", nullptr)).soft_cap,
            0.0);
}

TEST(HfConfig, SmolLM3sLayersWithoutRotary) {
  Json json = bare_family("smollm3", "SmolLM3ForCausalLM");
  EXPECT_THAT(read(json).layers_without_rotary, ElementsAre(3, 7, 11));
  EXPECT_EQ(read(json).rope_theta, 2e6);
  json["use_sliding_window"] = true;
  json["sliding_window"] = 64;
  EXPECT_THAT(windows_of(json), Pair(ElementsAre(3, 7, 11), 64));
  json["no_rope_layers"] = {1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1};
  EXPECT_THAT(read(json).layers_without_rotary, ElementsAre(5));
  json["no_rope_layers"] = {1, 0};
  EXPECT_FALSE(config_from_hf(json.dump()));
}

TEST(HfConfig, Olmo2sDefaults) {
  const ModelConfig config = read(bare_family("olmo2", "Olmo2ForCausalLM"));
  EXPECT_THAT(config.unsupported, IsEmpty());
  EXPECT_EQ(config.norm_epsilon, 1e-5);
  EXPECT_FALSE(config.qk_norm);  // of heads: its norms are wider
}

TEST(HfConfig, GranitesMultipliers) {
  Json json = bare_family("granite", "GraniteForCausalLM");
  json["embedding_multiplier"] = 12.0;
  json["residual_multiplier"] = 0.22;
  json["attention_multiplier"] = 0.015625;
  json["logits_scaling"] = 8.0;
  const ModelConfig config = read(json);
  EXPECT_THAT(config.unsupported, IsEmpty());
  EXPECT_EQ(config.embedding_multiplier, 12.0);
  EXPECT_EQ(config.residual_multiplier, 0.22);
  EXPECT_EQ(config.query_scale, 0.015625);
  json["residual_multiplier"] = 0.0;
  const auto refused = config_from_hf(json.dump());
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message(), HasSubstr("the multiplier of residuals is 0"));
}

TEST(HfConfig, Phi3sLongrope) {
  Json json = bare_family("phi3", "Phi3ForCausalLM");
  json["max_position_embeddings"] = 131072;
  json["original_max_position_embeddings"] = 4096;
  json["partial_rotary_factor"] = 0.125;
  json["rope_scaling"] = {
      {"type", "su"}, {"short_factor", {1.0, 1.0, 1.5, 2.0}}, {"long_factor", {1.0, 2.0, 4.0, 8.0}}};
  const ModelConfig config = read(json);
  EXPECT_THAT(config.unsupported, IsEmpty());
  EXPECT_EQ(config.rotary_width, 8);
  EXPECT_EQ(config.rope_scaling.kind, RopeScaling::Kind::kLongrope);
  EXPECT_EQ(config.rope_scaling.original_context, 4096);
  EXPECT_THAT(config.rope_scaling.short_divisors, ElementsAre(1.0f, 1.0f, 1.5f, 2.0f));
  EXPECT_THAT(config.rope_scaling.long_divisors, ElementsAre(1.0f, 2.0f, 4.0f, 8.0f));
  EXPECT_DOUBLE_EQ(config.rope_scaling.attention_factor, std::sqrt(1.0 + std::log(32.0) / std::log(4096.0)));
  json["rope_scaling"]["long_factor"] = {1.0};
  const auto refused = config_from_hf(json.dump());
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message(), HasSubstr("longrope has 1 factors; expected half of the 8"));
}

Json qwen3_moe() { return config_json::family("qwen3_moe", "Qwen3MoeForCausalLM"); }

TEST(HfConfig, Qwen3MoesExperts) {
  ModelConfig config = read(qwen3_moe());
  EXPECT_EQ(config.architecture, "qwen3moe");
  EXPECT_EQ(config.experts, 128);
  EXPECT_EQ(config.experts_used, 8);
  EXPECT_EQ(config.expert_width, 768);
  EXPECT_FALSE(config.shares_of_used);
  EXPECT_TRUE(config.qk_norm);
  EXPECT_THAT(config.layers_without_experts, IsEmpty());
  EXPECT_THAT(config.unsupported, IsEmpty());
  // As transformers 4 and 5 write it.
  Json json = with(with(qwen3_moe(), "num_experts", 16), "num_experts_per_tok", 3);
  json["moe_intermediate_size"] = 40;
  json["norm_topk_prob"] = true;
  json["decoder_sparse_step"] = 10;
  json["mlp_only_layers"] = {29, 99};
  config = read(json);
  EXPECT_EQ(config.experts, 16);
  EXPECT_EQ(config.experts_used, 3);
  EXPECT_EQ(config.expert_width, 40);
  EXPECT_TRUE(config.shares_of_used);
  EXPECT_THAT(config.layers_without_experts, SizeIs(28));  // all but 9 and 19
  json["num_local_experts"] = json["num_experts"];
  json.erase("num_experts");
  EXPECT_EQ(read(json).experts, 16);
  config = read(with(json, "num_local_experts", 0));
  EXPECT_EQ(config.experts, 0);
  EXPECT_EQ(config.expert_width, 0);
  // A window, if used, is every layer's.
  EXPECT_THAT(windows_of(with(json, "sliding_window", 128)).first, IsEmpty());
  json["use_sliding_window"] = true;
  EXPECT_THAT(windows_of(with(json, "sliding_window", 128)), Pair(SizeIs(30), 128));
}

TEST(HfConfig, ExpertsThatCannotBeAreRefusedByName) {
  const auto error = [](const char* key, const Json& value) {
    const auto config = config_from_hf(with(qwen3_moe(), key, value).dump());
    EXPECT_FALSE(config) << key;
    return config ? std::string() : config.error().message();
  };
  EXPECT_THAT(error("num_experts_per_tok", 129), HasSubstr("that a token uses is 129; expected 1 to 128"));
  EXPECT_THAT(error("num_experts", -1), HasSubstr("the number of experts is -1"));
  EXPECT_THAT(error("moe_intermediate_size", 0), HasSubstr("the experts' width is 0"));
  EXPECT_THAT(error("decoder_sparse_step", 0), HasSubstr("decoder_sparse_step"));
  EXPECT_THAT(error("mlp_only_layers", "all"), HasSubstr("mlp_only_layers"));
  EXPECT_THAT(read(with(qwen3_moe(), "shared_expert_intermediate_size", 64)).unsupported,
              ElementsAre(HasSubstr("experts that every token uses")));
  EXPECT_THAT(read(with(llama(), "num_local_experts", 8)).unsupported,
              ElementsAre(HasSubstr("mixture of experts")));
}

}  // namespace
}  // namespace headwise
