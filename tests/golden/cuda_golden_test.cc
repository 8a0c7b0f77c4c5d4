// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The CUDA decoder's host side on the fake device, against the CPU's decoder: whole tiny models of every
// family, so that on a card nothing is left to go wrong but the card's own part.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "decoder/create.h"
#include "decoder/cuda/create.h"
#include "golden/agreement.h"
#include "golden/fixture.h"
#include "model/layer_spec.h"
#include "support/fake_device.h"
#include "support/tolerance.h"

namespace headwise::golden {
namespace {

using device::Device;
using device::FakeDevice;
using device::NumberType;

constexpr const char* kModels[] = {
    "tiny-llama",   "tiny-llama-llama3",    "tiny-llama-yarn",     "tiny-mistral", "tiny-qwen2",
    "tiny-qwen3",   "tiny-llama-q8_0.gguf", "tiny-mistral-window", "tiny-gemma2",  "tiny-gemma3",
    "tiny-smollm3", "tiny-granite",         "tiny-olmo2",          "tiny-phi3",    "tiny-phi4"};

std::shared_ptr<const ModelWeights> weights_of(const Fixture& fixture) {
  return open_weights(golden_folder() / "models" / fixture.json["model"].get<std::string>());
}

std::unique_ptr<Decoder> on_fake(const std::shared_ptr<const ModelWeights>& weights, NumberType type) {
  auto opened = Device::open(FakeDevice::table(), 0, nullptr);
  if (!opened) throw std::runtime_error(opened.error().message());
  auto decoder = create_cuda_decoder(weights, {.type = type}, *opened);
  if (!decoder) throw std::runtime_error(decoder.error().message());
  return std::move(*decoder);
}

// Relative differences of heads' sums over passages, of the query's rows and the empty one's: the root of
// their mean square, and the largest.
struct ScoreDifferences {
  double mean = 0.0;
  double worst = 0.0;
};
ScoreDifferences compare_scores(const std::vector<float>& ours, const std::vector<float>& theirs) {
  ScoreDifferences found;
  const size_t count = theirs.size() / 3 * 2;
  for (size_t i = 0; i < count; ++i) {
    if (theirs[i] == 0.0f && ours[i] == 0.0f) continue;  // a passage that no row has in its window
    const double difference = std::abs(static_cast<double>(ours[i]) - theirs[i]) / theirs[i];
    found.mean += difference * difference;
    found.worst = std::max(found.worst, std::isnan(difference) ? INFINITY : difference);
  }
  found.mean = std::sqrt(found.mean / static_cast<double>(count));
  return found;
}

double worst_hidden(const PassResult& ours, const PassResult& theirs) {
  double worst = 0.0;
  for (size_t layer = 0; layer < theirs.hidden.size(); ++layer) {
    double difference = 0.0;
    double norm = 0.0;
    for (size_t i = 0; i < theirs.hidden[layer].size(); ++i) {
      difference += std::pow(static_cast<double>(ours.hidden[layer][i]) - theirs.hidden[layer][i], 2);
      norm += std::pow(static_cast<double>(theirs.hidden[layer][i]), 2);
    }
    const double relative = std::sqrt(difference / norm);
    worst = std::max(worst, std::isnan(relative) ? INFINITY : relative);
  }
  return worst;
}

void expect_kept(const FakeDevice& fake) {
  EXPECT_EQ(fake.violations(), std::vector<std::string>{});
  EXPECT_EQ(fake.used(), 0u);
}

class CudaOnFake : public ::testing::TestWithParam<const char*> {};

TEST_P(CudaOnFake, AgreesWithTheCpu) {
  for (const Fixture& fixture : fixtures_of(GetParam())) {
    SCOPED_TRACE(fixture.stem);
    const auto weights = weights_of(fixture);
    const BuiltPrompt prompt = fixture.prompt(QueryRows::kAll);
    const PassOptions options{.heads = {}, .hidden = true};
    const PassResult expected = run_pass(weights, prompt, options);
    FakeDevice fake;
    for (const auto& [type, name] : {std::pair{device::kFloat, "fp32"}, {device::kBfloat16, "bf16"}}) {
      SCOPED_TRACE(name);
      const PassResult found = run_pass(*on_fake(weights, type), weights->config, prompt, options);
      // A bound on all of them together, and a wider one on the worst of some thousand numbers.
      const ScoreDifferences differences = compare_scores(found.values, expected.values);
      EXPECT_LE(differences.mean, tolerance("cuda", name).score);
      EXPECT_LE(differences.worst, (type == device::kFloat ? 1 : 6) * tolerance("cuda", name).score);
      EXPECT_LE(worst_hidden(found, expected), tolerance("cuda", name).hidden);
    }
    expect_kept(fake);
  }
}

TEST_P(CudaOnFake, TheWayOfWorkingDoesNotChangeABit) {
  const Fixture fixture = fixtures_of(GetParam()).front();
  const auto weights = weights_of(fixture);
  const BuiltPrompt prompt = fixture.prompt(QueryRows::kInstructionAndQuery);
  FakeDevice fake;
  for (const NumberType type : {device::kFloat, device::kBfloat16}) {
    const auto decoder = on_fake(weights, type);
    const HeadId head{static_cast<int>(weights->config.layers) / 2, 1};
    const auto run = [&](bool full_depth) {
      return run_pass(*decoder, weights->config, prompt, {.heads = {head}, .full_depth = full_depth}).values;
    };
    const std::vector<float> truncated = run(false);
    EXPECT_EQ(run(false), truncated);
    EXPECT_EQ(run(true), truncated);
    EXPECT_EQ(run_pass(*on_fake(weights, type), weights->config, prompt, {.heads = {head}}).values,
              truncated);
  }
  // decoders are gone here, and with them all memory
  expect_kept(fake);
}

// Everything that a pass handed out.
struct Sums {
  std::vector<float> values;
  std::vector<std::shared_ptr<const KeptSegment>> kept;
};

Result<Sums> run_slots(Decoder& decoder, const ModelConfig& config, std::span<const GivenSegment> given,
                       bool keep, int more_slots = 0) {
  PromptLayout layout;
  layout.add_segment({11, 12, 13, 14, 15}, 0, {});
  std::vector<int32_t> passage;
  for (int32_t token = 0; token < 70; ++token) passage.push_back((7 * token + 3) % 90);
  layout.add_segment(passage, 5, {0});
  std::vector<int> seen{0, 1, 2};
  std::vector<int32_t> shorter = passage;
  shorter.resize(9);
  layout.add_segment(shorter, 5, {0});
  for (int i = 0; i < more_slots; ++i) seen.push_back(layout.add_segment(passage, 5, {0}));
  const int query = layout.add_segment({3, 1, 4, 1, 5, 9}, 75, seen);
  const RowGroup groups[] = {
      {layout.segment(query).token_begin + 1, 4}, {0, 0}, {layout.segment(query).token_begin, 6}};
  const std::vector<HeadId> heads = all_heads(config);
  Sums sums;
  DecodeRequest request;
  request.prompt = &layout;
  request.heads = heads;
  request.rows = groups;
  request.given = given;
  if (keep) request.keep = seen;
  request.on_layer = [&](const LayerAttention& attention) {
    const auto count = static_cast<int64_t>(attention.heads.size()) * attention.groups;
    for (int64_t i = 0; i < count; ++i) {
      for (const LayerKeys& keys : attention.segments) {
        const float* from = attention.sums + i * attention.key_count + keys.first;
        sums.values.insert(sums.values.end(), from, from + keys.count);
      }
    }
  };
  auto done = decoder.run(request);
  HW_RETURN_IF_ERROR(done);
  sums.kept = std::move(done->kept);
  return sums;
}

std::vector<GivenSegment> given_of(const std::vector<std::shared_ptr<const KeptSegment>>& kept) {
  std::vector<GivenSegment> given;
  for (size_t i = 0; i < kept.size(); ++i) given.push_back({static_cast<int>(i), kept[i]});
  return given;
}

void expect_close(const std::vector<float>& found, const std::vector<float>& expected) {
  ASSERT_EQ(found.size(), expected.size());
  for (size_t i = 0; i < found.size(); ++i) {
    ASSERT_NEAR(found[i], expected[i], tolerance("cuda", "fp32").score * (1e-3 + expected[i])) << i;
  }
}

TEST_P(CudaOnFake, KeptSegmentsHaveTheBitsOfFreshOnes) {
  const auto weights = weights_of(fixtures_of(GetParam()).front());
  FakeDevice fake;
  for (const NumberType type : {device::kFloat, device::kBfloat16}) {
    const auto decoder = on_fake(weights, type);
    const Sums fresh = run_slots(*decoder, weights->config, {}, true).value();
    const Sums read = run_slots(*decoder, weights->config, given_of(fresh.kept), false).value();
    EXPECT_EQ(read.values, fresh.values);
    const uint64_t with_copies = fake.used();
    EXPECT_EQ(run_slots(*decoder, weights->config, given_of(fresh.kept), false).value().values, fresh.values);
    EXPECT_EQ(fake.used(), with_copies);  // they were there
  }
  expect_kept(fake);
}

// So many that the query attends in parts.
TEST(CudaOnFakeManySlots, AgreeWithTheCpuAndKeptOnesHaveTheBitsOfFreshOnes) {
  constexpr int kMore = 32;
  for (const char* model : {"tiny-qwen3", "tiny-mistral-window"}) {
    const auto weights = weights_of(fixtures_of(model).front());
    const auto cpu = create_decoder(weights, {.threads = 1}).value();
    const Sums expected = run_slots(*cpu, weights->config, {}, false, kMore).value();
    FakeDevice fake;
    {
      const auto decoder = on_fake(weights, device::kFloat);
      const Sums fresh = run_slots(*decoder, weights->config, {}, true, kMore).value();
      expect_close(fresh.values, expected.values);
      EXPECT_EQ(run_slots(*decoder, weights->config, given_of(fresh.kept), false, kMore).value().values,
                fresh.values);
    }
    expect_kept(fake);
  }
}

TEST_P(CudaOnFake, ReducedSegmentsAgreeWithTheCpu) {
  const auto weights = weights_of(fixtures_of(GetParam()).front());
  const auto cpu = create_decoder(weights, {.threads = 1}).value();
  const auto layers = static_cast<size_t>(weights->config.layers);
  const Sums fresh = run_slots(*cpu, weights->config, {}, true).value();
  FakeDevice fake;
  {
    const auto decoder = on_fake(weights, device::kFloat);
    std::vector<float> join(layers, 1.0f);
    join.front() = 0.0f;
    for (const KeptForm& form :
         {KeptForm{.type = KeptType::kBfloat16}, KeptForm{.type = KeptType::kInt8},
          KeptForm{.shares = std::vector<float>(layers, 0.5f)}, KeptForm{.shares = join}}) {
      auto kept = fresh.kept;
      for (size_t i = 1; i < kept.size(); ++i) kept[i] = kept[i]->reduced(form, {});
      const Sums expected = run_slots(*cpu, weights->config, given_of(kept), false).value();
      expect_close(run_slots(*decoder, weights->config, given_of(kept), false).value().values,
                   expected.values);
    }
  }
  expect_kept(fake);
}

INSTANTIATE_TEST_SUITE_P(Models, CudaOnFake, ::testing::ValuesIn(kModels), [](const auto& name) {
  std::string text = name.param;
  std::replace_if(
      text.begin(), text.end(), [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; }, '_');
  return text;
});

std::shared_ptr<const ModelWeights> small_model() {
  return open_weights(golden_folder() / "models" / "tiny-llama");
}

// Whatever call fails, the pass ends with an error, nothing is used while work waits for it, and the next
// pass has the bits of the first: a server stays up.
TEST(CudaFailures, AnyCallMayFail) {
  const auto weights = small_model();
  FakeDevice fake;
  {
    const auto opened = Device::open(FakeDevice::table(), 0, nullptr).value();
    const auto make = [&] {
      return create_cuda_decoder(weights, {.type = device::kFloat, .kept_bytes = 1 << 20}, opened).value();
    };
    const std::vector<float> expected = run_slots(*make(), weights->config, {}, true).value().values;
    int failures = 0;
    for (int call = 1; call < 2000; call += call < 20 ? 3 : 41) {
      const auto decoder = make();
      fake.fail_after(call, call % 2 == 0 ? device::kOutOfMemory : device::kFailed);
      const auto done = run_slots(*decoder, weights->config, {}, true);
      if (done) {
        EXPECT_EQ(done->values, expected);
        break;
      }
      ++failures;
      EXPECT_EQ(done.error().code(), call % 2 == 0 ? ErrorCode::kResourceLimit : ErrorCode::kInternal);
      EXPECT_NE(done.error().message().find("Fake device (cuda:0)"), std::string::npos)
          << done.error().message();
      const auto again = run_slots(*decoder, weights->config, {}, true);
      ASSERT_TRUE(again) << again.error().message();
      EXPECT_EQ(again->values, expected);
    }
    fake.fail_after(0, device::kDone);
    EXPECT_GT(failures, 8);
  }
  expect_kept(fake);
}

TEST(CudaFailures, ALostDeviceIsSaid) {
  const auto weights = small_model();
  FakeDevice fake;
  {
    const auto decoder = on_fake(weights, device::kBfloat16);
    fake.fail_after(60, device::kLost);
    for (int i = 0; i < 2; ++i) {
      const auto done = run_slots(*decoder, weights->config, {}, false);
      ASSERT_FALSE(done);
      EXPECT_EQ(done.error().code(), ErrorCode::kDeviceLost);
      EXPECT_NE(done.error().message().find("does not answer any more"), std::string::npos);
    }
  }
  expect_kept(fake);
}

TEST(CudaFailures, AModelThatDoesNotFitIsRefusedWithFigures) {
  const auto weights = small_model();
  FakeDevice fake({.memory = 64ull << 20});
  {
    const auto done = run_slots(*on_fake(weights, device::kFloat), weights->config, {}, false);
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code(), ErrorCode::kResourceLimit);
    EXPECT_NE(done.error().message().find("64.0 MiB of 64.0 MiB free"), std::string::npos)
        << done.error().message();
    EXPECT_NE(done.error().message().find("as fp32 takes 64."), std::string::npos) << done.error().message();
  }
  expect_kept(fake);
}

TEST(CudaFailures, WhatIsNotThereIsNamed) {
  {
    FakeDevice fake({.driver = false});
    const auto opened = Device::open(FakeDevice::table(), 0, nullptr);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code(), ErrorCode::kNotFound);
    EXPECT_NE(opened.error().message().find(
                  "no driver is installed; install the card's driver, or use --device cpu"),
              std::string::npos);
  }
  FakeDevice fake({.devices = 2});
  const auto opened = Device::open(FakeDevice::table(), 2, nullptr);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code(), ErrorCode::kNotFound);
  EXPECT_NE(opened.error().message().find("--device cuda:2 cannot be had: there are 2 devices"),
            std::string::npos);
}

TEST(CudaFailures, WhatAModelAsksForAndIsNotThereIsNamed) {
  const auto both = open_changed(golden_folder() / "models" / "tiny-olmo2",  // no family has both
                                 [](ModelSpec& spec) { spec.layers.front().qkv_bias = true; });
  const std::pair<std::shared_ptr<const ModelWeights>, const char*> lacks[] = {
      {both, "norms of all heads' queries together, with biases"},
      {open_weights(golden_folder() / "models" / "tiny-qwen3moe"), "a mixture of experts"}};
  for (const auto& [weights, what] : lacks) {
    FakeDevice fake(device::FakeSettings{});
    const auto opened = Device::open(FakeDevice::table(), 0, nullptr);
    const auto decoder = create_cuda_decoder(weights, {}, *opened);
    ASSERT_FALSE(decoder) << what;
    EXPECT_EQ(decoder.error().code(), ErrorCode::kUnsupported);
    EXPECT_NE(decoder.error().message().find(what), std::string::npos) << decoder.error().message();
    EXPECT_NE(decoder.error().message().find("use --device cpu"), std::string::npos);
  }
}

// Another field and this does not compile: teach decoder/cuda/layer_on_device_pass.cc what it asks for, or
// cuda_decoder.cc to refuse it.
TEST(CudaLayers, EveryFieldOfALayerIsKnown) {
  const auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t] = LayerSpec{};
  const auto& [width, theta, scaling] = RotarySpec{};
  const auto& [layers, rotary, multiplier] = ModelSpec{};
  EXPECT_TRUE(a && c && layers.empty() && rotary.empty());
}

}  // namespace
}  // namespace headwise::golden
