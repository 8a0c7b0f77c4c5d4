// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// A layer's values as a pass takes them, whatever the file that they come from.
#include "model/weights.h"

#include <gtest/gtest.h>

#include "formats/safetensors.h"
#include "support/paths.h"

namespace headwise {
namespace {

std::shared_ptr<const Model> load(const char* name) {
  auto model = Model::load(test_data() / "golden/models" / name, {});
  EXPECT_TRUE(model) << model.error().to_string();
  return model ? *model : nullptr;
}

TEST(ModelWeights, TheSameModelInTwoFilesHasTheSameValues) {
  // The GGUF file holds q and k in interleaved rotary order.
  const auto folder = load("tiny-llama-linear");
  const auto gguf = load("tiny-llama-linear-f32.gguf");
  ASSERT_TRUE(folder && gguf);
  ASSERT_TRUE(gguf->config().permuted_qk);
  for (int64_t layer = 0; layer < folder->config().layers; ++layer) {
    for (const TensorRole& role : tensor_roles()) {
      const std::vector<float> values = folder->weights().values(layer, role.tensor);
      EXPECT_EQ(values, gguf->weights().values(layer, role.tensor)) << layer << " " << role.shape;
      const bool there = has_tensor(folder->weights().spec.layers[static_cast<size_t>(layer)], role.tensor);
      EXPECT_EQ(static_cast<int64_t>(values.size()), there ? values_in(role.tensor, folder->config()) : 0);
    }
  }
}

TEST(ModelWeights, WeightsOfNormsHaveTheSpecsOffsetAdded) {
  auto file = SafetensorsFile::open(test_data() / "golden/models/tiny-llama");
  ASSERT_TRUE(file);
  const ModelConfig config = load("tiny-llama")->config();
  auto weights = ModelWeights::create(std::make_unique<SafetensorsFile>(std::move(*file)), config, false, {});
  ASSERT_TRUE(weights) << weights.error().to_string();
  const std::vector<float> norm = (*weights)->values(1, LayerTensor::kFfnNorm);
  const std::vector<float> matrix = (*weights)->values(1, LayerTensor::kDown);
  (*weights)->spec.layers[1].norm_weight_offset = 1.0;
  const std::vector<float> shifted = (*weights)->values(1, LayerTensor::kFfnNorm);
  ASSERT_EQ(shifted.size(), norm.size());
  for (size_t i = 0; i < norm.size(); ++i) EXPECT_EQ(shifted[i], norm[i] + 1.0f);
  EXPECT_EQ((*weights)->values(1, LayerTensor::kDown), matrix);
}

}  // namespace
}  // namespace headwise
