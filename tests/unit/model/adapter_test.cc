// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Which tensors of an adapter's file change which matrix, and the shapes that the model asks for.
#include "model/adapter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "formats/safetensors_writer.h"

namespace headwise {
namespace {

using testing::HasSubstr;

constexpr const char* kFront = "base_model.model.model.layers.1.";

ModelConfig small() {
  ModelConfig config;
  config.architecture = "llama";
  config.layers = 2;
  config.heads = 4;
  config.kv_heads = 2;
  config.head_width = 8;
  config.width = 24;
  config.ffn_width = 40;
  return config;
}

struct Factor {
  std::string name;
  std::vector<int64_t> shape;
};

Result<Adapter> parse(const std::vector<Factor>& factors, const char* more = "",
                      const ModelConfig& model = small()) {
  std::vector<std::vector<float>> values;
  std::vector<NamedTensor> tensors;
  values.reserve(factors.size());
  for (const Factor& factor : factors) {
    int64_t count = 1;
    for (const int64_t extent : factor.shape) count *= extent;
    values.emplace_back(static_cast<size_t>(count), 0.5f);
    tensors.push_back({factor.name, factor.shape, values.back()});
  }
  const std::string bytes = format_safetensors(tensors, {});
  const std::string config = R"({"peft_type": "LORA", "r": 3, "lora_alpha": 6)" + std::string(more) + "}";
  return parse_adapter({config, std::as_bytes(std::span(bytes))}, model);
}

std::string error_of(const Result<Adapter>& adapter) {
  return adapter ? std::string() : adapter.error().to_string();
}

TEST(Adapter, ATensorsNameSaysTheMatrix) {
  const auto matrix = adapted_matrix("base_model.model.model.layers.13.mlp.up_proj.lora_B.weight");
  ASSERT_TRUE(matrix);
  EXPECT_EQ(matrix->layer, 13);
  EXPECT_EQ(matrix->tensor, LayerTensor::kUp);
  EXPECT_EQ(matrix->module, "mlp.up_proj");
  // Trained on the model without its output layer.
  EXPECT_TRUE(adapted_matrix("base_model.model.layers.0.self_attn.q_proj.lora_A.weight"));
  for (const char* other : {"base_model.model.model.layers.0.input_layernorm.lora_A.weight",
                            "base_model.model.model.layers.0.self_attn.q_norm.lora_A.weight",
                            "base_model.model.model.layers.0.self_attn.q_proj.lora_C.weight",
                            "base_model.model.model.layers.0.self_attn.q_proj.weight",
                            "base_model.model.model.layers.x.self_attn.q_proj.lora_A.weight",
                            "model.layers.0.self_attn.q_proj.lora_A.weight", ""}) {
    EXPECT_FALSE(adapted_matrix(other)) << other;
  }
}

TEST(Adapter, AProjectionOfSeveralInOneIsRefusedByName) {
  ModelConfig phi = small();
  phi.architecture = "phi3";
  const std::string module = std::string(kFront) + "self_attn.qkv_proj";
  const auto fused =
      parse({{module + ".lora_A.weight", {3, 24}}, {module + ".lora_B.weight", {64, 3}}}, "", phi);
  ASSERT_FALSE(fused);
  EXPECT_EQ(fused.error().code(), ErrorCode::kUnsupported);
  EXPECT_NE(error_of(fused).find("self_attn.qkv_proj is several of them in one"), std::string::npos);
  const std::string alone = std::string(kFront) + "self_attn.o_proj";
  EXPECT_TRUE(parse({{alone + ".lora_A.weight", {3, 32}}, {alone + ".lora_B.weight", {24, 3}}}, "", phi));
}

TEST(Adapter, ExpertsHaveNone) {
  ModelConfig config = small();
  config.architecture = "qwen3moe";
  config.experts = 4;
  config.experts_used = 2;
  config.expert_width = 8;
  config.layers_without_experts = {0};
  const auto down = [&](int layer, const std::string& module) {
    const std::string stem =
        "base_model.model.model.layers." + std::to_string(layer) + ".mlp." + module + ".lora_";
    return parse({{stem + "A.weight", {3, 40}}, {stem + "B.weight", {24, 3}}}, "", config);
  };
  EXPECT_TRUE(down(0, "down_proj"));
  EXPECT_THAT(error_of(down(1, "down_proj")), HasSubstr("its MLP is a mixture of experts"));
  EXPECT_THAT(error_of(down(1, "experts.2.down_proj")), HasSubstr("is no LoRA factor of a projection"));
}

TEST(Adapter, EveryFamilysProjectionsAreItsOwn) {
  for (const char* family : {"gemma2", "gemma3", "olmo2", "smollm3", "granite", "qwen3moe"}) {
    ModelConfig config = small();
    config.architecture = family;
    const std::string query = std::string(kFront) + "self_attn.q_proj";
    const auto adapter =
        parse({{query + ".lora_A.weight", {3, 24}}, {query + ".lora_B.weight", {32, 3}}}, "", config);
    ASSERT_TRUE(adapter) << family << ": " << error_of(adapter);
    EXPECT_EQ(adapter->matrices[0].tensor, LayerTensor::kQuery);
  }
}

TEST(Adapter, EveryAdaptableMatrixHasItsShape) {
  const struct {
    const char* module;
    LayerTensor tensor;
    int64_t out, in;
  } rows[] = {
      {"self_attn.q_proj", LayerTensor::kQuery, 32, 24}, {"self_attn.k_proj", LayerTensor::kKey, 16, 24},
      {"self_attn.v_proj", LayerTensor::kValue, 16, 24}, {"self_attn.o_proj", LayerTensor::kOutput, 24, 32},
      {"mlp.gate_proj", LayerTensor::kGate, 40, 24},     {"mlp.up_proj", LayerTensor::kUp, 40, 24},
      {"mlp.down_proj", LayerTensor::kDown, 24, 40}};
  for (const auto& row : rows) {
    const std::string stem = kFront + std::string(row.module);
    const auto adapter =
        parse({{stem + ".lora_A.weight", {3, row.in}}, {stem + ".lora_B.weight", {row.out, 3}}});
    ASSERT_TRUE(adapter) << row.module << ": " << error_of(adapter);
    ASSERT_EQ(adapter->matrices.size(), 1u);
    EXPECT_EQ(adapter->matrices[0].tensor, row.tensor);
    EXPECT_EQ(adapter->matrices[0].layer, 1);
    EXPECT_EQ(adapter->matrices[0].scale, 2.0);
    const auto turned =
        parse({{stem + ".lora_A.weight", {3, row.in + 1}}, {stem + ".lora_B.weight", {row.out, 3}}});
    EXPECT_THAT(error_of(turned), HasSubstr("should have shape [3, " + std::to_string(row.in) + "]"));
  }
}

TEST(Adapter, RankAndScaleGoByPatternsOverModules) {
  const std::string stem = kFront + std::string("self_attn.q_proj");
  const auto adapter = parse(
      {{stem + ".lora_A.weight", {4, 24}}, {stem + ".lora_B.weight", {32, 4}}},
      R"(, "use_rslora": true, "rank_pattern": {"layers.1.self_attn.q_proj": 4}, "alpha_pattern": {"q_proj": 5})");
  ASSERT_TRUE(adapter) << error_of(adapter);
  EXPECT_EQ(adapter->matrices[0].rank, 4);
  EXPECT_EQ(adapter->matrices[0].scale, 5.0 / std::sqrt(4.0));
}

// PEFT's get_pattern_key: the first that matches, in the order of the file, whatever their names.
TEST(Adapter, TheFirstPatternOfTheFileCounts) {
  const std::string q = kFront + std::string("self_attn.q_proj");
  const auto scale = [&](const char* more) {
    const auto adapter = parse({{q + ".lora_A.weight", {3, 24}}, {q + ".lora_B.weight", {32, 3}}}, more);
    EXPECT_TRUE(adapter) << more << ": " << error_of(adapter);
    return adapter ? adapter->matrices[0].scale * 3 : 0.0;
  };
  EXPECT_EQ(scale(R"(, "alpha_pattern": {"q_proj": 12, "layers.1.self_attn.q_proj": 48})"), 12);
  EXPECT_EQ(scale(R"(, "alpha_pattern": {"layers.1.self_attn.q_proj": 48, "q_proj": 12})"), 48);
  EXPECT_EQ(scale(R"(, "alpha_pattern": {"z_proj": 1, "self_attn\\..*": 9, "a": 3, "q_proj": 12})"), 9);
  EXPECT_EQ(scale(R"(, "alpha_pattern": {"_proj": 12, "proj": 48})"), 6) << "only whole names, or from a dot";
  EXPECT_EQ(scale(R"(, "alpha_pattern": {"k_proj|q_proj": 15})"), 15);
  EXPECT_EQ(scale(R"(, "alpha_pattern": {"model.layers.1.self_attn.q_proj": 21})"), 21);
  const auto ranked = parse({{q + ".lora_A.weight", {5, 24}}, {q + ".lora_B.weight", {32, 5}}},
                            R"(, "rank_pattern": {"q_proj": 5, "layers.1.self_attn.q_proj": 2})");
  ASSERT_TRUE(ranked) << error_of(ranked);
  EXPECT_EQ(ranked->matrices[0].rank, 5);
}

TEST(Adapter, APatternThatNeverEndsIsGivenUp) {
  const std::string q = kFront + std::string("self_attn.q_proj");
  const auto with = [&](const std::string& pattern) {
    return parse({{q + ".lora_A.weight", {3, 24}}, {q + ".lora_B.weight", {32, 3}}},
                 (R"(, "alpha_pattern": {")" + pattern + R"(": 16})").c_str());
  };
  EXPECT_THAT(error_of(with("(.*)*(.*)*(.*)*[xy]")), HasSubstr("takes too long"));
  // Nested stars that the engine sees through, in which std::regex and Python's re do not end.
  for (const char* pattern : {"(.*)*(.*)*(.*)*x", "((a|l|.)*)*[zZ]", "(.+)+(.+)+(.+)+[%#]", "(a|aa|.|..)*[#]",
                              "([a-z]+.?)*([a-z0-9_]+.?)*([a-z]*)*[%#]"}) {
    const auto adapter = with(pattern);
    ASSERT_TRUE(adapter) << pattern << ": " << error_of(adapter);
    EXPECT_EQ(adapter->matrices[0].scale, 2.0) << pattern << " matches nothing";
  }
}

// Only members that are known to say nothing about the sum are passed over.
TEST(Adapter, OtherKindsOfLoraAreRefusedByName) {
  const std::string q = kFront + std::string("self_attn.q_proj");
  const auto with = [&](const std::string& more) {
    return error_of(
        parse({{q + ".lora_A.weight", {3, 24}}, {q + ".lora_B.weight", {32, 3}}}, (", " + more).c_str()));
  };
  for (const char* initial :
       {"pissa", "pissa_niter_16", "olora", "OLoRA", "corda", "loftq", "lora_ga", "of_tomorrow"}) {
    EXPECT_THAT(with(R"("init_lora_weights": ")" + std::string(initial) + "\""),
                HasSubstr("goes with a changed base model"))
        << initial;
  }
  for (const char* initial : {"true", "false", "null", R"("gaussian")", R"("Gaussian")", R"("eva")",
                              R"("mica")", R"("orthogonal")"}) {
    EXPECT_EQ(with(R"("init_lora_weights": )" + std::string(initial)), "") << initial;
  }
  for (const char* kind : {R"("arrow_config": {"top_k": 3})", R"("kasa_config": {"beta": 1e-4})",
                           R"("velora_config": {"num_groups": 1})", R"("use_of_tomorrow": true)",
                           R"("lora_bias": true)", R"("megatron_config": {"tp": 2})"}) {
    EXPECT_THAT(with(kind), HasSubstr("which this build does not merge")) << kind;
  }
  EXPECT_EQ(
      with(R"("kasa_config": null, "use_of_tomorrow": false, "lora_dropout": 0.1, "task_type": "CAUSAL_LM",
                    "loftq_config": {"loftq_bits": 4}, "auto_mapping": {"unsloth_fixed": true},
                    "layers_to_transform": [1])"),
      "");
}

// PEFT changes what the configuration names and the file holds.
TEST(Adapter, TheConfigurationNamesWhatTheFileHolds) {
  const auto with = [&](const std::string& more) {
    std::vector<Factor> factors;
    for (const char* layer : {"0", "1"}) {
      const std::string stem = std::string("base_model.model.model.layers.") + layer + ".";
      factors.push_back({stem + "self_attn.q_proj.lora_A.weight", {3, 24}});
      factors.push_back({stem + "self_attn.q_proj.lora_B.weight", {32, 3}});
      factors.push_back({stem + "mlp.up_proj.lora_A.weight", {3, 24}});
      factors.push_back({stem + "mlp.up_proj.lora_B.weight", {40, 3}});
    }
    return error_of(parse(factors, (", " + more).c_str()));
  };
  for (
      const char* sound :
      {R"J("target_modules": null)J", R"J("target_modules": [])J", R"J("target_modules": "all-linear")J",
       R"J("target_modules": "All-Linear", "exclude_modules": ["k_proj", "v_proj"])J",
       R"J("target_modules": ["q_proj", "up_proj"])J",
       R"J("target_modules": ["mlp.up_proj", "self_attn.q_proj"])J",
       R"J("target_modules": ["model.layers.0.mlp.up_proj", "layers.1.mlp.up_proj", "q_proj"])J",
       // One list for several models; the output layer is passed over.
       R"J("target_modules": ["q_proj", "up_proj", "W_pack", "query_key_value", "lm_head", "embed_tokens"])J",
       R"J("target_modules": ".*(q_proj|up_proj)")J",
       R"J("target_modules": ".*\\.(self_attn|mlp)\\..*_proj$")J",
       R"J("target_modules": "(?:.*?(?:self_attn|mlp).*?)|(?:\\bmodel\\.layers\\.[\\d]{1,}\\.(?P<where>mlp)\\.up_proj)")J",
       R"J("target_modules": ["q_proj", "up_proj"], "layers_to_transform": [0, 1, 7])J",
       R"J("target_modules": ["q_proj", "up_proj"], "layers_to_transform": [0, 1], "layers_pattern": "layers")J",
       R"J("target_modules": ["q_proj", "up_proj"], "layers_to_transform": [1, 0], "layers_pattern": ["h", "layer.?"])J",
       // What is listed for layers that are not changed, or excluded, need not be there.
       R"J("target_modules": ["q_proj", "up_proj", "layers.1.mlp.down_proj"], "exclude_modules": ".*down.*")J"}) {
    EXPECT_EQ(with(sound), "") << sound;
  }
  const struct {
    const char* more;
    const char* words;
  } rows[] = {
      {R"J("target_modules": ["q_proj"])J",
       "of 4 modules, and 2 of them, 'model.layers.0.mlp.up_proj' first"},
      {R"J("target_modules": ["up_proj", "proj"])J",
       "and 2 of them, 'model.layers.0.self_attn.q_proj' first"},
      {R"J("target_modules": ["p_proj"])J", "and 4 of them"},
      {R"J("target_modules": ".*q_proj")J", "and 2 of them"},
      {R"J("target_modules": "q_proj|up_proj")J", "and 4 of them"},  // the whole name must match
      {R"J("target_modules": ["q_proj", "up_proj"], "layers_to_transform": [1])J", "and 2 of them"},
      {R"J("target_modules": ["q_proj", "up_proj"], "layers_to_transform": 0)J", "and 2 of them"},
      {R"J("target_modules": ["q_proj", "up_proj"], "layers_to_transform": [0, 1], "layers_pattern": "h")J",
       "and 4 of them"},
      {R"J("target_modules": "all-linear", "exclude_modules": ["up_proj"])J", "and 2 of them"},
      {R"J("target_modules": ["q_proj", "up_proj", "v_proj"])J", "'target_modules' names 'v_proj'"},
      {R"J("target_modules": ["q_proj", "up_proj", "layers.1.mlp.down_proj"])J",
       "'target_modules' names 'layers.1.mlp.down_proj'"},
      {R"J("target_modules": 7)J",
       "'target_modules' should be a list of modules' names or a pattern, found 7"},
      {R"J("target_modules": ["q_proj", null])J", "should be a list of modules' names, found nothing"},
      {R"J("target_modules": "(q_proj")J", "'target_modules' is '(q_proj', which is no regular expression"},
      {R"J("target_modules": ["q_proj", "up_proj"], "layers_to_transform": [0.5])J", "a layer's number"},
      {R"J("target_modules": ["q_proj", "up_proj"], "layers_to_transform": "all")J", "a layer's number"},
      {R"J("exclude_modules": true)J", "'exclude_modules' should be"},
      {R"J("target_modules": "(.*)*(.*)*(.*)*[xy]")J", "takes too long"},
  };
  for (const auto& row : rows) EXPECT_THAT(with(row.more), HasSubstr(row.words)) << row.more;
  EXPECT_THAT(with(R"J("target_modules": ")J" + std::string(4097, 'a') + "\""),
              HasSubstr("at most 4096 are read"));
}

TEST(Adapter, WhatIsNoFactorOfThisModelIsRefused) {
  const std::string q = kFront + std::string("self_attn.q_proj");
  EXPECT_THAT(error_of(parse({{std::string(kFront) + "input_layernorm.lora_A.weight", {3, 24}}})),
              HasSubstr("is no LoRA factor of a projection (q, k, v, o, gate, up, down) of a layer"));
  EXPECT_THAT(error_of(parse({{"base_model.model.model.layers.2.mlp.up_proj.lora_A.weight", {3, 24}}})),
              HasSubstr("is for layer 2; the model has layers 0 to 1"));
  EXPECT_THAT(error_of(parse({{q + ".lora_A.weight", {3, 24}}})),
              HasSubstr("layer 1 has lora_A without lora_B"));
  // The output layer gives words: it is passed over.
  EXPECT_THAT(error_of(parse({{"base_model.model.lm_head.lora_A.weight", {3, 24}}})),
              HasSubstr("changes no layer of the model"));
}

}  // namespace
}  // namespace headwise
