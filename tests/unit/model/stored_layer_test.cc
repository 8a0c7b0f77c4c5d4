// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The tables of names and shapes against real files of every family, and what a layer's tensors become.
#include "model/stored_layer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <string>
#include <vector>

#include "model/description.h"
#include "model/families.h"
#include "support/paths.h"

namespace headwise {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

using Shapes = std::map<std::string, std::vector<int64_t>>;

std::vector<std::string> tiny_models() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(test_data() / "golden/models")) {
    names.push_back(entry.path().filename().string());
  }
  return names;
}

class TinyModel : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    const fs::path path = test_data() / "golden/models" / GetParam();
    gguf_ = path.extension() == ".gguf";
    auto described = describe_model(path);
    ASSERT_TRUE(described) << described.error().to_string();
    model_ = std::move(*described);
    ASSERT_TRUE(model_.config);
    family_ = &family_of(*model_.config);
    spec_ = family_->spec(*model_.config);
  }

  std::string name_of(const ModelTensorName& name) const {
    return std::string(gguf_ ? name.gguf : name.hugging_face);
  }

  // What the tables say that the file holds.
  Shapes expected() const {
    const ModelConfig& config = *model_.config;
    Shapes shapes;
    for (const ModelTensorName& name : {kEmbedding, kFinalNorm, kOutputLayer}) {
      shapes[name_of(name)] = shape_of(name.shape, config);
    }
    if (config.tied_embeddings) shapes.erase(name_of(kOutputLayer));
    if (!config.rope_scaling.frequency_divisors.empty()) {
      shapes[std::string(kFrequencyDivisors)] = {config.head_width / 2};
    }
    if (config.rope_scaling.kind == RopeScaling::Kind::kLongrope && gguf_) {
      for (const char* name : {"rope_factors_long.weight", "rope_factors_short.weight"}) {
        shapes[name] = {spec_.rotary.front().width / 2};
      }
    }
    for (int64_t layer = 0; layer < config.layers; ++layer) {
      for (const TensorName& name : family_->names) {
        const LayerTensor tensor = name.holds.tensors().front();
        if (!has_tensor(spec_.layers[static_cast<size_t>(layer)], tensor)) continue;
        if (is_by_expert(name, gguf_)) {
          const std::vector<int64_t> all = shape_of(tensor, config);
          for (int64_t expert = 0; expert < all[0]; ++expert) {
            shapes[stored_name(name, layer, gguf_, expert)] = {all[1], all[2]};
          }
          continue;
        }
        std::vector<int64_t>& shape = shapes[stored_name(name, layer, gguf_)] = shape_of(tensor, config);
        if (is_by_expert(tensor)) continue;
        shape.front() = 0;
        for (const LayerTensor held : name.holds.tensors()) shape.front() += shape_of(held, config).front();
      }
    }
    return shapes;
  }

  bool gguf_ = false;
  ModelDescription model_;
  const ModelFamily* family_ = nullptr;
  ModelSpec spec_;
};

TEST_P(TinyModel, EveryTensorIsARowAndEveryRowATensor) {
  Shapes found;
  for (const DescribedTensor& tensor : model_.tensors) found[tensor.name] = tensor.shape;
  EXPECT_EQ(found, expected());
}

TEST_P(TinyModel, CountsAreSumsOverTheFilesTensors) {
  const ModelConfig& config = *model_.config;
  int64_t all_layers = 0;
  int64_t largest = 0;
  for (int64_t layer = 0; layer < config.layers; ++layer) {
    const std::string front = (gguf_ ? "blk." : "model.layers.") + std::to_string(layer) + ".";
    int64_t values = 0;
    int64_t in_matrices = 0;
    for (const DescribedTensor& tensor : model_.tensors) {
      if (!tensor.name.starts_with(front)) continue;
      values += tensor.values;
      if (tensor.shape.size() > 1) in_matrices += tensor.values;
    }
    const LayerSpec& spec = spec_.layers[static_cast<size_t>(layer)];
    EXPECT_EQ(layer_values(spec, config), values);
    EXPECT_EQ(matrix_values(spec, config), in_matrices);
    largest = std::max(largest, values);
    all_layers += values;
  }
  EXPECT_EQ(model_.memory->largest_layer, 4 * largest);
  EXPECT_EQ(model_.memory->float_weights, 4 * all_layers);
}

TEST_P(TinyModel, Loads) { EXPECT_TRUE(model_.loads()) << testing::PrintToString(model_.unsupported); }

INSTANTIATE_TEST_SUITE_P(Files, TinyModel, testing::ValuesIn(tiny_models()), [](const auto& param) {
  std::string name = param.param;
  for (char& c : name) c = c == '-' || c == '.' ? '_' : c;
  return name;
});

// A layer of C = 4, F = 6, two query heads and one key head of 2, in memory.
class MadeUpFile : public TensorFile {
 public:
  MadeUpFile& add(std::string name, std::vector<int64_t> shape) {
    TensorView view;
    view.name = std::move(name);
    view.shape = std::move(shape);
    std::vector<float>& values = values_.emplace_back(static_cast<size_t>(view.elements()));
    std::iota(values.begin(), values.end(), static_cast<float>(100 * values_.size()));
    view.data = reinterpret_cast<const std::byte*>(values.data());
    view.bytes = values.size() * sizeof(float);
    views_.push_back(std::move(view));
    return *this;
  }
  const std::vector<TensorView>& tensors() const override { return views_; }
  const TensorView* find_tensor(std::string_view name) const override {
    for (const TensorView& view : views_) {
      if (view.name == name) return &view;
    }
    return nullptr;
  }

 private:
  std::vector<std::vector<float>> values_;
  std::vector<TensorView> views_;
};

ModelConfig made_up_config() {
  ModelConfig config;
  config.layers = 1;
  config.heads = 2;
  config.kv_heads = 1;
  config.head_width = 2;
  config.width = 4;
  config.ffn_width = 6;
  return config;
}

constexpr TensorName kFused[] = {
    {{LayerTensor::kQuery, LayerTensor::kKey, LayerTensor::kValue},
     "self_attn.qkv_proj.weight",
     "attn_qkv.weight"},
    {{LayerTensor::kGate, LayerTensor::kUp}, "mlp.gate_up_proj.weight", "ffn_up.weight"},
};

float first_value(const TensorView& view) { return *reinterpret_cast<const float*>(view.data); }

TEST(StoredLayer, TensorsOfOneStoredTensorAreViewsOfItsRows) {
  MadeUpFile file;
  file.add("model.layers.0.self_attn.qkv_proj.weight", {8, 4});
  file.add("model.layers.0.mlp.gate_up_proj.weight", {12, 4});
  const ModelConfig config = made_up_config();
  const auto layer = find_layer(file, kFused, {}, plain_spec(config).layers[0], config);
  ASSERT_TRUE(layer) << layer.error().to_string();
  const auto of = [&](LayerTensor tensor) { return (*layer)[static_cast<size_t>(tensor)]; };
  EXPECT_THAT(of(LayerTensor::kQuery).shape, ElementsAre(4, 4));
  EXPECT_THAT(of(LayerTensor::kKey).shape, ElementsAre(2, 4));
  EXPECT_THAT(of(LayerTensor::kUp).shape, ElementsAre(6, 4));
  EXPECT_EQ(of(LayerTensor::kKey).bytes, 2 * 4 * sizeof(float));
  EXPECT_EQ(first_value(of(LayerTensor::kQuery)), 100.0f);
  EXPECT_EQ(first_value(of(LayerTensor::kKey)), 100.0f + 4 * 4);
  EXPECT_EQ(first_value(of(LayerTensor::kValue)), 100.0f + 6 * 4);
  EXPECT_EQ(first_value(of(LayerTensor::kGate)), 200.0f);
  EXPECT_EQ(first_value(of(LayerTensor::kUp)), 200.0f + 6 * 4);
  EXPECT_EQ(of(LayerTensor::kDown).data, nullptr);
}

constexpr TensorName kExperts[] = {
    {LayerTensor::kExpertDown, "mlp.experts.*.down_proj.weight", "ffn_down_exps.weight"}};

ModelConfig config_of_experts() {
  ModelConfig config = made_up_config();
  config.experts = 3;
  config.experts_used = 2;
  config.expert_width = 5;
  return config;
}

TEST(StoredLayer, ExpertsStandBelowEachOtherInOneTensorOrInOneEach) {
  const ModelConfig config = config_of_experts();
  const LayerSpec spec = plain_spec(config).layers[0];
  MadeUpFile together;
  together.add("blk.0.ffn_down_exps.weight", {3, 4, 5});
  auto layer = find_layer(together, kExperts, {0, true}, spec, config);
  ASSERT_TRUE(layer) << layer.error().to_string();
  const auto down = static_cast<size_t>(LayerTensor::kExpertDown);
  EXPECT_THAT((*layer)[down].shape, ElementsAre(12, 5));
  EXPECT_TRUE((*layer)[down].experts.empty());
  MadeUpFile apart;
  for (const char* name : {"0", "1", "2"}) {
    apart.add("model.layers.0.mlp.experts." + std::string(name) + ".down_proj.weight", {4, 5});
  }
  layer = find_layer(apart, kExperts, {0, false}, spec, config);
  ASSERT_TRUE(layer) << layer.error().to_string();
  EXPECT_THAT((*layer)[down].shape, ElementsAre(12, 5));
  ASSERT_EQ((*layer)[down].experts.size(), 3u);
  EXPECT_EQ(first_value((*layer)[down].experts[2]), 300.0f);
}

TEST(StoredLayer, AnExpertThatIsMissingOrOfAnotherShapeIsNamed) {
  const ModelConfig config = config_of_experts();
  const LayerSpec spec = plain_spec(config).layers[0];
  MadeUpFile file;
  file.add("model.layers.0.mlp.experts.0.down_proj.weight", {4, 5});
  const auto missing = find_layer(file, kExperts, {0, false}, spec, config);
  ASSERT_FALSE(missing);
  EXPECT_THAT(missing.error().message(),
              HasSubstr("'model.layers.0.mlp.experts.1.down_proj.weight' of shape [4, 5] is missing"));
  file.add("model.layers.0.mlp.experts.1.down_proj.weight", {5, 4});
  const auto turned = find_layer(file, kExperts, {0, false}, spec, config);
  ASSERT_FALSE(turned);
  EXPECT_THAT(turned.error().message(), HasSubstr("should have shape [4, 5], found [5, 4]"));
  const auto flat =
      find_layer(MadeUpFile().add("blk.0.ffn_down_exps.weight", {12, 5}), kExperts, {0, true}, spec, config);
  ASSERT_FALSE(flat);
  EXPECT_THAT(flat.error().message(), HasSubstr("should have shape [3, 4, 5], found [12, 5]"));
  LayerSpec dense = spec;
  dense.experts = 0;
  const auto silent = find_layer(file, kExperts, {0, false}, dense, config);
  ASSERT_FALSE(silent);
  EXPECT_EQ(silent.error().code(), ErrorCode::kUnsupported);
}

TEST(StoredLayer, AFusedTensorOfAnotherHeightIsRefused) {
  MadeUpFile file;
  file.add("model.layers.0.self_attn.qkv_proj.weight", {7, 4});
  const ModelConfig config = made_up_config();
  const auto layer = find_layer(file, kFused, {}, plain_spec(config).layers[0], config);
  ASSERT_FALSE(layer);
  EXPECT_EQ(layer.error().code(), ErrorCode::kInvalidInput);
  EXPECT_THAT(layer.error().message(), HasSubstr("should have shape [8, 4], found [7, 4]"));
}

TEST(StoredLayer, ATensorThatTheSpecDoesNotSpeakOfIsRefused) {
  constexpr TensorName names[] = {{LayerTensor::kDownBias, "mlp.down_proj.bias", "ffn_down.bias"}};
  MadeUpFile file;
  file.add("blk.0.ffn_down.bias", {4});
  const ModelConfig config = made_up_config();
  LayerSpec spec = plain_spec(config).layers[0];
  const auto silent = find_layer(file, names, {0, true}, spec, config);
  ASSERT_FALSE(silent);
  EXPECT_EQ(silent.error().code(), ErrorCode::kUnsupported);
  EXPECT_THAT(silent.error().message(), HasSubstr("'blk.0.ffn_down.bias' is there, but"));
  spec.mlp_bias = true;
  EXPECT_TRUE(find_layer(file, names, {0, true}, spec, config));
  const auto missing = find_layer(file, names, {1, true}, spec, config);
  ASSERT_FALSE(missing);
  EXPECT_THAT(missing.error().message(), HasSubstr("'blk.1.ffn_down.bias' of shape [4] is missing"));
}

TEST(Families, EveryRoleThatAPlainLayerCanHaveHasOneName) {
  for (const ModelFamily* family : model_families()) {
    std::map<LayerTensor, int> rows;
    for (const TensorName& name : family->names) {
      for (const LayerTensor tensor : name.holds.tensors()) ++rows[tensor];
    }
    ModelConfig config = made_up_config();
    config.qkv_bias = config.output_bias = config.mlp_bias = config.qk_norm = true;
    config.layers = 2;
    config.experts = family->default_experts;
    config.layers_without_experts = {1};
    const std::vector<LayerSpec> layers = family->spec(config).layers;
    for (const TensorRole& role : tensor_roles()) {
      const bool wanted = has_tensor(layers[0], role.tensor) || has_tensor(layers[1], role.tensor);
      EXPECT_EQ(rows[role.tensor], wanted ? 1 : 0) << family->hf_model_type << " " << role.shape;
    }
  }
}

}  // namespace
}  // namespace headwise
