// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// GGUF metadata to ModelConfig: what is read, what is named as unsupported, what is refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "model/config.h"
#include "unit/formats/gguf_bytes.h"

namespace headwise {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing_support::as_bytes;
using testing_support::GgufBytes;

GgufBytes gguf(const std::string& architecture) {
  GgufBytes bytes;
  const std::string a = architecture + ".";
  bytes.text("general.architecture", architecture).text("general.name", "tiny");
  bytes.u32(a + "block_count", 2).u32(a + "context_length", 8192).u32(a + "embedding_length", 64);
  bytes.u32(a + "feed_forward_length", 96)
      .u32(a + "attention.head_count", 4)
      .u32(a + "attention.head_count_kv", 2);
  bytes.u32(a + "vocab_size", 320).f32(a + "attention.layer_norm_rms_epsilon", 1e-5F);
  return bytes;
}

Result<ModelConfig> try_read(const GgufBytes& bytes) {
  const std::string text = bytes.build();
  auto file = GgufFile::parse(as_bytes(text));
  EXPECT_TRUE(file) << file.error().to_string();
  return config_from_gguf(*file);
}

ModelConfig read(const GgufBytes& bytes) {
  auto config = try_read(bytes);
  EXPECT_TRUE(config) << config.error().to_string();
  return config ? *config : ModelConfig{};
}

TEST(GgufConfig, Llama) {
  const ModelConfig config =
      read(gguf("llama").f32("llama.rope.freq_base", 100000).u32("llama.rope.dimension_count", 16));
  EXPECT_EQ(config.architecture, "llama");
  EXPECT_EQ(config.name, "tiny");
  EXPECT_EQ(config.layers, 2);
  EXPECT_EQ(config.heads, 4);
  EXPECT_EQ(config.kv_heads, 2);
  EXPECT_EQ(config.head_width, 16);
  EXPECT_EQ(config.width, 64);
  EXPECT_EQ(config.ffn_width, 96);
  EXPECT_EQ(config.vocabulary, 320);
  EXPECT_EQ(config.context, 8192);
  EXPECT_EQ(config.rope_theta, 100000.0);
  EXPECT_TRUE(config.permuted_qk);
  EXPECT_TRUE(config.tied_embeddings);
  EXPECT_FALSE(config.qkv_bias);
  EXPECT_THAT(config.unsupported, IsEmpty());
}

TEST(GgufConfig, QwensArePlain) {
  ModelConfig config = read(gguf("qwen2"));
  EXPECT_TRUE(config.qkv_bias);
  EXPECT_FALSE(config.permuted_qk);
  config =
      read(gguf("qwen3").u32("qwen3.attention.key_length", 128).u32("qwen3.attention.value_length", 128));
  EXPECT_TRUE(config.qk_norm);
  EXPECT_EQ(config.head_width, 128);
  EXPECT_FALSE(config.permuted_qk);
}

TEST(GgufConfig, TensorsTellWhatKeysDoNot) {
  const ModelConfig config = read(gguf("llama")
                                      .tensor("output.weight", {64, 4}, 0, 0)
                                      .tensor("blk.0.attn_q.bias", {64}, 0, 1024)
                                      .tensor("blk.0.attn_output.bias", {64}, 0, 1280)
                                      .tensor("blk.0.ffn_down.bias", {64}, 0, 1536)
                                      .data(2048));
  EXPECT_FALSE(config.tied_embeddings);
  EXPECT_TRUE(config.qkv_bias && config.output_bias && config.mlp_bias);
  EXPECT_THAT(read(gguf("llama").tensor("blk.0.attn_q_norm.weight", {16}, 0, 0).data(64)).unsupported,
              ElementsAre("norms of q and k (tensor blk.0.attn_q_norm.weight)"));
}

TEST(GgufConfig, FrequencyDivisorsAreLlama3Scaling) {
  std::string divisors;
  for (int i = 0; i < 8; ++i) GgufBytes::put<float>(divisors, i < 4 ? 1.0F : 32.0F);
  const ModelConfig config = read(gguf("llama").tensor("rope_freqs.weight", {8}, 0, 0).data(divisors));
  EXPECT_EQ(config.rope_scaling.kind, RopeScaling::Kind::kLlama3);
  EXPECT_THAT(config.rope_scaling.frequency_divisors, ElementsAre(1, 1, 1, 1, 32, 32, 32, 32));
  auto zero = try_read(gguf("llama").tensor("rope_freqs.weight", {8}, 0, 0).data(32));
  ASSERT_FALSE(zero);
  EXPECT_THAT(zero.error().message(), HasSubstr("a rope frequency divisor is 0"));
  auto few = try_read(gguf("llama").tensor("rope_freqs.weight", {4}, 0, 0).data(divisors.substr(0, 16)));
  ASSERT_FALSE(few);
  EXPECT_THAT(few.error().message(),
              HasSubstr("4 rope frequency divisors; expected half the head width of 16"));
}

TEST(GgufConfig, YarnAsLlamaCppComputesIt) {
  GgufBytes bytes = gguf("qwen2");
  bytes.text("qwen2.rope.scaling.type", "yarn").f32("qwen2.rope.scaling.factor", 4);
  bytes.u32("qwen2.rope.scaling.original_context_length", 4096);
  ModelConfig config = read(bytes);
  EXPECT_EQ(config.rope_scaling.kind, RopeScaling::Kind::kYarn);
  EXPECT_EQ(config.rope_scaling.original_context, 4096);
  EXPECT_EQ(config.context, 16384);
  EXPECT_DOUBLE_EQ(config.rope_scaling.attention_factor, 0.1 * std::log(4.0) + 1.0);
  config = read(bytes.f32("qwen2.rope.scaling.attn_factor", 0.5));
  EXPECT_DOUBLE_EQ(config.rope_scaling.attention_factor, 0.5 * (0.1 * std::log(4.0) + 1.0));
}

TEST(GgufConfig, LinearScaling) {
  ModelConfig config = read(gguf("llama").f32("llama.rope.scale_linear", 4));
  EXPECT_EQ(config.rope_scaling.kind, RopeScaling::Kind::kLinear);
  EXPECT_EQ(config.rope_scaling.factor, 4.0);
  config = read(gguf("llama").text("llama.rope.scaling.type", "linear").f32("llama.rope.scaling.factor", 8));
  EXPECT_EQ(config.rope_scaling.factor, 8.0);
  config = read(gguf("llama").text("llama.rope.scaling.type", "none").f32("llama.rope.scaling.factor", 8));
  EXPECT_EQ(config.rope_scaling.kind, RopeScaling::Kind::kNone);
}

TEST(GgufConfig, NamesWhatIsNotSupported) {
  const auto only = [](const GgufBytes& bytes) {
    const ModelConfig config = read(bytes);
    EXPECT_EQ(config.unsupported.size(), 1u);
    return config.unsupported.empty() ? std::string() : config.unsupported.front();
  };
  EXPECT_THAT(
      only(gguf("falcon")),
      HasSubstr("architecture 'falcon' (supported: llama, mistral, qwen2, qwen3, qwen3_moe, gemma2, "));
  EXPECT_EQ(only(gguf("llama").u32("llama.expert_count", 8)),
            "mixture of experts (key llama.expert_count = 8)");
  EXPECT_EQ(only(gguf("qwen2").u32("qwen2.attention.sliding_window", 4096)),
            "sliding window of 4096 tokens (key qwen2.attention.sliding_window)");
  EXPECT_EQ(only(gguf("llama").f32("llama.attn_logit_softcapping", 50)),
            "soft-cap of attention logits (key llama.attn_logit_softcapping = 50)");
  EXPECT_THAT(only(gguf("llama").u32("llama.rope.dimension_count", 8)),
              HasSubstr("rotary positions on 8 of 16"));
  EXPECT_THAT(only(gguf("llama").text("llama.rope.scaling.type", "longrope")), HasSubstr("'longrope'"));
  EXPECT_THAT(only(gguf("llama").flag("llama.attention.causal", false)), HasSubstr("not causal"));
  EXPECT_THAT(only(gguf("llama").f32("llama.residual_scale", 0.5F)), HasSubstr("scaled residuals"));
  EXPECT_THAT(only(gguf("qwen2").integers("qwen2.rope.dimension_sections", {1, 2})),
              HasSubstr("in sections"));
  // The same keys at values that change nothing.
  GgufBytes inert = gguf("llama");
  inert.u32("llama.expert_count", 0)
      .u32("llama.attention.sliding_window", 8192)
      .flag("llama.attention.causal", true);
  inert.f32("llama.residual_scale", 1).f32("llama.logit_scale", 0).f32("llama.attention.scale", 0.25F);
  EXPECT_THAT(read(inert).unsupported, IsEmpty());
}

TEST(GgufConfig, FamiliesOfTheirOwnKeys) {
  ModelConfig config = read(gguf("llama").u32("llama.attention.sliding_window", 512));
  EXPECT_THAT(config.windows, Each(512));
  config = read(gguf("gemma3").u32("gemma3.attention.sliding_window", 512));
  EXPECT_THAT(config.unsupported, IsEmpty());
  EXPECT_EQ(config.norm_weight_offset, 0.0);  // the converter adds it
  EXPECT_EQ(config.embedding_multiplier, std::sqrt(static_cast<double>(config.width)));
  EXPECT_EQ(config.window_rope_theta, 10000.0);
  EXPECT_EQ(config.query_scale, 0.0);
  EXPECT_THAT(config.windows, Each(512));  // fewer layers than the pattern is long
  config = read(gguf("gemma3").f32("gemma3.rope.freq_base_swa", 5000));
  EXPECT_EQ(config.window_rope_theta, 5000.0);
  EXPECT_EQ(read(gguf("gemma2")).soft_cap, 50.0);
  GgufBytes granite = gguf("granite");
  granite.f32("granite.attention.scale", 0.125F).f32("granite.embedding_scale", 12);
  config = read(granite.f32("granite.residual_scale", 0.5F).f32("granite.logit_scale", 8));
  EXPECT_THAT(config.unsupported, IsEmpty());
  EXPECT_EQ(config.query_scale, 0.125);
  EXPECT_EQ(config.embedding_multiplier, 12.0);
  EXPECT_EQ(config.residual_multiplier, 0.5);
  EXPECT_TRUE(config.permuted_qk);
  config = read(gguf("phi3").u32("phi3.rope.dimension_count", 8));
  EXPECT_THAT(config.unsupported, IsEmpty());
  EXPECT_EQ(config.rotary_width, 8);
}

TEST(GgufConfig, Experts) {
  const auto experts = [](int64_t used) {
    GgufBytes bytes = gguf("qwen3moe");
    bytes.u32("qwen3moe.expert_count", 8).u32("qwen3moe.expert_used_count", static_cast<uint32_t>(used));
    return bytes;
  };
  ModelConfig config = read(experts(2).u32("qwen3moe.expert_feed_forward_length", 40));
  EXPECT_THAT(config.unsupported, IsEmpty());
  EXPECT_EQ(config.experts, 8);
  EXPECT_EQ(config.experts_used, 2);
  EXPECT_EQ(config.expert_width, 40);
  EXPECT_TRUE(config.shares_of_used);                             // as llama.cpp has it
  EXPECT_THAT(config.layers_without_experts, ElementsAre(0, 1));  // no router's tensor is there
  EXPECT_EQ(read(experts(2)).expert_width, 48);                   // 96 shared by the used ones
  EXPECT_FALSE(read(experts(2).flag("qwen3moe.expert_weights_norm", false)).shares_of_used);
  EXPECT_THAT(read(experts(2).u32("qwen3moe.expert_gating_func", 1)).unsupported, IsEmpty());
  EXPECT_THAT(read(experts(2).u32("qwen3moe.expert_gating_func", 2)).unsupported,
              ElementsAre(HasSubstr("shares of experts that are no softmax")));
  EXPECT_THAT(read(experts(2).u32("qwen3moe.expert_shared_count", 1)).unsupported,
              ElementsAre(HasSubstr("experts that every token uses")));
  EXPECT_FALSE(try_read(experts(9)));
  EXPECT_FALSE(try_read(experts(0)));
  EXPECT_FALSE(try_read(gguf("qwen3moe")));
}

TEST(GgufConfig, ArraysOfEqualValuesAreOneValue) {
  GgufBytes bytes;
  bytes.text("general.architecture", "llama").u32("llama.block_count", 2).u32("llama.context_length", 64);
  bytes.u32("llama.embedding_length", 64).u32("llama.vocab_size", 8);
  bytes.f32("llama.attention.layer_norm_rms_epsilon", 1e-5F).integers("llama.attention.head_count", {4, 4});
  GgufBytes uneven = bytes;
  EXPECT_EQ(read(bytes.integers("llama.feed_forward_length", {96, 96})).ffn_width, 96);
  EXPECT_THAT(read(uneven.integers("llama.feed_forward_length", {96, 128})).unsupported,
              ElementsAre("another value in every layer (key llama.feed_forward_length)"));
}

TEST(GgufConfig, RefusesImpossibleNumbers) {
  const auto error = [](const GgufBytes& bytes) {
    auto config = try_read(bytes);
    EXPECT_FALSE(config);
    return config ? std::string() : config.error().message();
  };
  EXPECT_THAT(error(GgufBytes()), HasSubstr("key 'general.architecture' is missing"));
  EXPECT_THAT(error(GgufBytes().text("general.architecture", "llama")),
              HasSubstr("'llama.block_count' is missing"));
  EXPECT_THAT(error(GgufBytes().text("general.architecture", "llama").text("llama.block_count", "2")),
              HasSubstr("'llama.block_count' is no integer"));
  EXPECT_THAT(error(gguf("llama").u32("llama.attention.key_length", 0)), HasSubstr("the head width is 0"));
  EXPECT_THAT(error(gguf("llama").f32("llama.rope.freq_base", NAN)), HasSubstr("rope_theta is nan"));
}

}  // namespace
}  // namespace headwise
