// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// config.json to ModelConfig: what is read, what is named as unsupported, what is refused.
#include "model/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <string>

#include "unit/model/config_json.h"

namespace headwise {
namespace {

using config_json::Json;
using config_json::llama;
using config_json::mistral;
using config_json::qwen2;
using config_json::qwen3;
using config_json::read;
using config_json::with;
using config_json::without;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(HfConfig, Llama3InTransformers4Spelling) {
  const ModelConfig config = read(llama());
  EXPECT_EQ(config.architecture, "llama");
  EXPECT_EQ(config.layers, 16);
  EXPECT_EQ(config.heads, 32);
  EXPECT_EQ(config.kv_heads, 8);
  EXPECT_EQ(config.head_width, 64);
  EXPECT_EQ(config.width, 2048);
  EXPECT_EQ(config.ffn_width, 8192);
  EXPECT_EQ(config.vocabulary, 128256);
  EXPECT_EQ(config.context, 262144);  // 32 x 8192, more than max_position_embeddings says
  EXPECT_EQ(config.norm_epsilon, 1e-5);
  EXPECT_EQ(config.rope_theta, 500000.0);
  EXPECT_EQ(config.rope_scaling.kind, RopeScaling::Kind::kLlama3);
  EXPECT_EQ(config.rope_scaling.factor, 32.0);
  EXPECT_EQ(config.rope_scaling.low_freq_factor, 1.0);
  EXPECT_EQ(config.rope_scaling.high_freq_factor, 4.0);
  EXPECT_EQ(config.rope_scaling.original_context, 8192);
  EXPECT_TRUE(config.tied_embeddings);
  EXPECT_FALSE(config.qkv_bias || config.output_bias || config.mlp_bias || config.qk_norm ||
               config.permuted_qk);
  EXPECT_THAT(config.unsupported, IsEmpty());
}

TEST(HfConfig, Transformers5SpellingMeansTheSame) {
  Json json = llama();
  Json rope = json["rope_scaling"];
  rope["rope_theta"] = json["rope_theta"];
  json.erase("rope_scaling");
  json.erase("rope_theta");
  json["rope_parameters"] = rope;
  const ModelConfig config = read(json);
  EXPECT_EQ(config.rope_theta, 500000.0);
  EXPECT_EQ(config.rope_scaling.kind, RopeScaling::Kind::kLlama3);
  EXPECT_EQ(config.rope_scaling.factor, 32.0);
  EXPECT_THAT(config.unsupported, IsEmpty());
}

TEST(HfConfig, DefaultsOfTheClasses) {
  Json json = without(without(llama(), "head_dim"), "num_key_value_heads");
  json["rope_scaling"] = nullptr;
  json.erase("rope_theta");
  ModelConfig config = read(json);
  EXPECT_EQ(config.head_width, 64);
  EXPECT_EQ(config.kv_heads, 32);
  EXPECT_EQ(config.rope_theta, 10000.0);
  EXPECT_EQ(config.rope_scaling.kind, RopeScaling::Kind::kNone);
  // Qwen3's head_dim is 128 unless the file says otherwise; Mistral's kv heads are 8.
  EXPECT_EQ(read(qwen3()).head_width, 128);
  EXPECT_EQ(read(with(qwen3(), "head_dim", nullptr)).head_width, 16);
  json = with(without(mistral(), "num_key_value_heads"), "sliding_window", nullptr);
  EXPECT_EQ(read(with(json, "num_attention_heads", 16)).kv_heads, 8);
  EXPECT_EQ(read(with(with(json, "num_attention_heads", 16), "num_key_value_heads", nullptr)).kv_heads, 16);
}

TEST(HfConfig, BiasesAndNormsByFamily) {
  ModelConfig config = read(qwen2());
  EXPECT_TRUE(config.qkv_bias);
  EXPECT_FALSE(config.output_bias);
  EXPECT_EQ(config.architecture, "qwen2");
  config = read(qwen3());
  EXPECT_TRUE(config.qk_norm);
  EXPECT_FALSE(config.qkv_bias);
  config = read(with(with(llama(), "attention_bias", true), "mlp_bias", true));
  EXPECT_TRUE(config.qkv_bias && config.output_bias && config.mlp_bias);
  EXPECT_THAT(config.unsupported, IsEmpty());
  config = read(with(mistral(), "sliding_window", nullptr));
  EXPECT_EQ(config.architecture, "llama");
  EXPECT_FALSE(config.qkv_bias);
}

TEST(HfConfig, OtherHeadsOfTheSameDecoder) {
  EXPECT_THAT(read(with(llama(), "architectures", {"LlamaModel"})).unsupported, IsEmpty());
  EXPECT_THAT(read(without(llama(), "architectures")).unsupported, IsEmpty());
  EXPECT_THAT(read(with(llama(), "architectures", {"LlamaBidirectionalModel"})).unsupported.front(),
              HasSubstr("architecture 'LlamaBidirectionalModel' (supported: llama, mistral, qwen2, qwen3, "
                        "qwen3_moe, gemma2, gemma3_text, olmo2, smollm3, granite, phi3)"));
}

TEST(HfConfig, LinearAndYarnScaling) {
  ModelConfig config = read(with(llama(), "rope_scaling", {{"type", "linear"}, {"factor", 4.0}}));
  EXPECT_EQ(config.rope_scaling.kind, RopeScaling::Kind::kLinear);
  EXPECT_EQ(config.rope_scaling.factor, 4.0);
  EXPECT_EQ(config.context, 131072);

  // Qwen2.5's recipe for long texts.
  Json json = with(qwen2(), "max_position_embeddings", 32768);
  json["rope_scaling"] = {{"factor", 4.0}, {"original_max_position_embeddings", 32768}, {"type", "yarn"}};
  config = read(json);
  EXPECT_EQ(config.rope_scaling.kind, RopeScaling::Kind::kYarn);
  EXPECT_EQ(config.rope_scaling.original_context, 32768);
  EXPECT_EQ(config.rope_scaling.beta_fast, 32.0);
  EXPECT_EQ(config.rope_scaling.beta_slow, 1.0);
  EXPECT_TRUE(config.rope_scaling.truncate);
  EXPECT_DOUBLE_EQ(config.rope_scaling.attention_factor, 0.1 * std::log(4.0) + 1.0);
  EXPECT_EQ(config.context, 131072);

  // DeepSeek's quotient; the key beside the rope's own wins; a null factor is the ratio of the contexts.
  json["max_position_embeddings"] = 65536;
  json["original_max_position_embeddings"] = 8192;
  json["rope_scaling"] = {{"factor", nullptr},     {"original_max_position_embeddings", 4096},
                          {"rope_type", "yarn"},   {"mscale", 0.5},
                          {"mscale_all_dim", 2.0}, {"truncate", false},
                          {"beta_fast", 16}};
  config = read(json);
  EXPECT_EQ(config.rope_scaling.factor, 8.0);
  EXPECT_EQ(config.rope_scaling.original_context, 8192);
  EXPECT_EQ(config.rope_scaling.beta_fast, 16.0);
  EXPECT_FALSE(config.rope_scaling.truncate);
  EXPECT_DOUBLE_EQ(config.rope_scaling.attention_factor,
                   (0.05 * std::log(8.0) + 1.0) / (0.2 * std::log(8.0) + 1.0));
  json["rope_scaling"]["attention_factor"] = 1.25;
  EXPECT_EQ(read(json).rope_scaling.attention_factor, 1.25);
}

struct Row {
  const char* name;
  const char* key;
  Json value;
  const char* expected;
};

class HfUnsupported : public testing::TestWithParam<Row> {};

TEST_P(HfUnsupported, IsNamed) {
  const ModelConfig config = read(with(llama(), GetParam().key, GetParam().value));
  ASSERT_EQ(config.unsupported.size(), 1u);
  EXPECT_THAT(config.unsupported.front(), HasSubstr(GetParam().expected));
}

INSTANTIATE_TEST_SUITE_P(
    Rows, HfUnsupported,
    testing::Values(
        Row{"Architecture", "architectures", {"FalconForCausalLM"}, "architecture 'FalconForCausalLM'"},
        Row{"SoftCap", "attn_logit_softcapping", 50.0, "attn_logit_softcapping = '50.0'"},
        Row{"FinalSoftCap", "final_logit_softcapping", 30.0, "soft-cap of output logits"},
        Row{"Dynamic",
            "rope_scaling",
            {{"type", "dynamic"}, {"factor", 2.0}},
            "rope scaling of type 'dynamic'"},
        Row{"LongRope", "rope_scaling", {{"rope_type", "longrope"}}, "rope scaling of type 'longrope'"},
        Row{"Mrope",
            "rope_scaling",
            {{"rope_type", "default"}, {"mrope_section", {16, 24}}},
            "mrope_section"},
        Row{"PerLayerRope", "rope_scaling", {{"full_attention", {{"rope_theta", 1.0}}}}, "rope of its own"},
        Row{"LocalTheta", "rope_local_base_freq", 10000.0, "rope base of its own"},
        Row{"PartialRotary", "partial_rotary_factor", 0.5, "partial_rotary_factor = 0.5"},
        Row{"Activation", "hidden_act", "gelu", "activation 'gelu'"},
        Row{"Experts", "num_local_experts", 8, "mixture of experts"}, Row{"Alibi", "alibi", true, "ALiBi"},
        Row{"Quantised", "quantization_config", {{"quant_method", "gptq"}}, "weights quantised by 'gptq'"},
        Row{"Parallel", "use_parallel_residual", true, "parallel residual"},
        Row{"EmbeddingScale", "embedding_multiplier", 12.0, "scaled embeddings"},
        Row{"ResidualScale", "residual_multiplier", 0.22, "scaled residuals"},
        Row{"LogitScale", "logits_scaling", 8.0, "scaled output logits"},
        Row{"AttentionScale", "attention_multiplier", 0.015, "attention scale"},
        Row{"NoRope", "no_rope_layers", {1, 1, 1, 0}, "layers without rotary positions"},
        Row{"Bidirectional", "use_bidirectional_attention", true, "not causal"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(HfConfig, InertValuesOfUnsupportedFeatures) {
  Json json = llama();
  json["attn_logit_softcapping"] = nullptr;
  json["num_local_experts"] = 0;
  json["alibi"] = false;
  json["embedding_multiplier"] = 1.0;
  json["partial_rotary_factor"] = 1.0;
  json["no_rope_layers"] = {1, 1};
  json["quantization_config"] = nullptr;
  EXPECT_THAT(read(json).unsupported, IsEmpty());
}

class HfInvalid : public testing::TestWithParam<Row> {};

TEST_P(HfInvalid, IsRefused) {
  auto config = config_from_hf(with(llama(), GetParam().key, GetParam().value).dump());
  ASSERT_FALSE(config);
  EXPECT_EQ(config.error().code(), ErrorCode::kInvalidInput);
  EXPECT_THAT(config.error().message(), HasSubstr(GetParam().expected));
}

INSTANTIATE_TEST_SUITE_P(
    Rows, HfInvalid,
    testing::Values(
        Row{"ManyLayers", "num_hidden_layers", 1e30, "'num_hidden_layers': expected a whole number"},
        Row{"TooManyLayers", "num_hidden_layers", 100000,
            "the number of layers is 100000; expected 1 to 4096"},
        Row{"NoLayers", "num_hidden_layers", 0, "the number of layers is 0"},
        Row{"NegativeLayers", "num_hidden_layers", -1, "the number of layers is -1"},
        Row{"NullLayers", "num_hidden_layers", nullptr, "key 'num_hidden_layers' is missing"},
        Row{"HalfALayer", "num_hidden_layers", 1.5, "expected a whole number, found '1.5'"},
        Row{"TextLayers", "num_hidden_layers", "16", "expected a number, found"},
        Row{"KvHeads", "num_key_value_heads", 5, "32 attention heads cannot share 5"},
        Row{"ZeroKvHeads", "num_key_value_heads", 0, "key/value heads is 0"},
        Row{"ZeroHeads", "num_attention_heads", 0, "attention heads is 0"},
        Row{"OddHeadWidth", "head_dim", 63, "the head width is 63"},
        Row{"ZeroHeadWidth", "head_dim", 0, "the head width is 0"},
        Row{"HugeWidth", "hidden_size", 1LL << 40, "the model width is 1099511627776"},
        Row{"HugeVocabulary", "vocab_size", 1LL << 40, "the vocabulary size is"},
        Row{"Epsilon", "rms_norm_eps", 0.0, "the epsilon of the norms is 0"},
        Row{"NegativeEpsilon", "rms_norm_eps", -1e-5, "the epsilon of the norms is -1e-05"},
        Row{"Theta", "rope_theta", -1.0, "rope_theta is -1"},
        Row{"HugeTheta", "rope_theta", 1e300, "rope_theta is 1e+300"},
        Row{"ScalingIsText", "rope_scaling", "llama3", "expected an object"},
        Row{"NoFactor", "rope_scaling", {{"type", "linear"}}, "key 'factor' is missing"},
        Row{"ZeroFactor",
            "rope_scaling",
            {{"type", "linear"}, {"factor", 0}},
            "the rope scaling factor is 0"},
        Row{"YarnAttention",
            "rope_scaling",
            {{"type", "yarn"}, {"factor", 2.0}, {"attention_factor", 0.0}},
            "the rope attention factor is 0"},
        Row{"Llama3Bands",
            "rope_scaling",
            {{"type", "llama3"}, {"factor", 2.0}, {"low_freq_factor", 4}, {"high_freq_factor", 4}},
            "high_freq_factor (4) must be above low_freq_factor (4)"},
        Row{"Bias", "attention_bias", 1, "'attention_bias': expected true or false"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(HfConfig, NotAConfig) {
  for (const char* text : {"", "{", "[]", "null", "12", "{}", R"({"architectures": []})", "\xff"}) {
    auto config = config_from_hf(text);
    ASSERT_FALSE(config) << text;
    EXPECT_EQ(config.error().code(), ErrorCode::kInvalidInput);
  }
  EXPECT_FALSE(config_from_hf(std::string(1000000, '[')));
}

TEST(HfConfig, HeadsThatDoNotDivideTheWidth) {
  auto config = config_from_hf(with(without(llama(), "head_dim"), "num_attention_heads", 24).dump());
  ASSERT_FALSE(config);
  EXPECT_THAT(config.error().message(),
              HasSubstr("24 heads (num_attention_heads) do not divide the width of 2048"));
}

}  // namespace
}  // namespace headwise
