// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "gpu/models.h"

#include <sys/mman.h>
#include <unistd.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <map>
#include <mutex>
#include <random>
#include <stdexcept>
#include <utility>
#include <vector>

#include "base/file.h"
#include "formats/gguf.h"
#include "formats/safetensors.h"
#include "formats/tensor_file.h"
#include "model/config.h"

namespace headwise::gpu_bench {
namespace {

template <typename T>
T value_or_throw(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().to_string());
  return std::move(*result);
}

struct Shape {
  std::string_view name;
  const char* architecture;
  const char* type;
  int layers, width, heads, kv_heads, head_width, mlp;
};
constexpr Shape kShapes[] = {
    {"qwen3-0.6b", "Qwen3ForCausalLM", "qwen3", 28, 1024, 16, 8, 128, 3072},
    {"qwen3-4b", "Qwen3ForCausalLM", "qwen3", 36, 2560, 32, 8, 128, 9728},
    {"llama-8b", "LlamaForCausalLM", "llama", 32, 4096, 32, 8, 128, 14336},
    {"tiny", "Qwen3ForCausalLM", "qwen3", 2, 64, 4, 2, 32, 96},
};
constexpr int64_t kIds = 32768;

// Random numbers that keep activations of a layer within bounds, in shared memory: pages of it may be given
// back (ModelWeights::release) and come again as they were.
class RandomMemory {
 public:
  explicit RandomMemory(size_t bytes) : bytes_(bytes) {
    const int file = memfd_create("headwise-gpu-bench", 0);
    if (file < 0 || ftruncate(file, static_cast<off_t>(bytes)) != 0) throw std::runtime_error("no memory");
    void* mapped = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (mapped == MAP_FAILED) throw std::runtime_error("no memory");
    data_ = static_cast<uint16_t*>(mapped);
    std::mt19937 random(7);
    std::normal_distribution<float> numbers(0.0f, 0.02f);
    const size_t count = bytes / sizeof(uint16_t);
    const size_t drawn = std::min<size_t>(count, 4099 * 257);
    for (size_t i = 0; i < drawn; ++i)
      data_[i] = static_cast<uint16_t>(std::bit_cast<uint32_t>(numbers(random)) >> 16);
    for (size_t i = drawn; i < count; i += drawn)
      std::memcpy(data_ + i, data_, std::min(drawn, count - i) * sizeof(uint16_t));
  }
  ~RandomMemory() { munmap(data_, bytes_); }
  RandomMemory(const RandomMemory&) = delete;
  RandomMemory& operator=(const RandomMemory&) = delete;
  const std::byte* data() const { return reinterpret_cast<const std::byte*>(data_); }

 private:
  size_t bytes_;
  uint16_t* data_ = nullptr;
};

// Has every tensor that a model of the shape may ask for.
class RandomFile final : public TensorFile {
 public:
  explicit RandomFile(const ModelConfig& config)
      : C_(config.width),
        F_(config.ffn_width),
        Q_(config.heads * config.head_width),
        K_(config.kv_heads * config.head_width),
        D_(config.head_width),
        memory_(static_cast<size_t>(std::max({kIds * C_, F_ * C_, Q_ * C_})) * sizeof(uint16_t)) {
    add("model.embed_tokens.weight", {kIds, C_});
    for (int64_t layer = 0; layer < config.layers; ++layer) {
      const std::string in = "model.layers." + std::to_string(layer) + ".";
      add(in + "self_attn.q_proj.weight", {Q_, C_});
      add(in + "self_attn.k_proj.weight", {K_, C_});
      add(in + "self_attn.v_proj.weight", {K_, C_});
      add(in + "self_attn.o_proj.weight", {C_, Q_});
      add(in + "mlp.gate_proj.weight", {F_, C_});
      add(in + "mlp.up_proj.weight", {F_, C_});
      add(in + "mlp.down_proj.weight", {C_, F_});
      add(in + "input_layernorm.weight", {C_});
      add(in + "post_attention_layernorm.weight", {C_});
      if (config.architecture != "qwen3") continue;
      add(in + "self_attn.q_norm.weight", {D_});
      add(in + "self_attn.k_norm.weight", {D_});
    }
  }
  const std::vector<TensorView>& tensors() const override { return views_; }
  const TensorView* find_tensor(std::string_view name) const override {
    const auto found = places_.find(name);
    return found == places_.end() ? nullptr : &views_[found->second];
  }

 private:
  void add(const std::string& name, std::vector<int64_t> shape) {
    TensorView view{name, DType::kBF16, std::move(shape), memory_.data(), 0};
    view.bytes = static_cast<size_t>(view.elements()) * sizeof(uint16_t);
    if (view.shape.size() == 1) {  // a norm's weights are ones
      ones_.resize(std::max<size_t>(ones_.size(), 1 << 16), 0x3F80);
      view.data = reinterpret_cast<const std::byte*>(ones_.data());
    }
    places_.emplace(name, views_.size());
    views_.push_back(std::move(view));
  }

  int64_t C_, F_, Q_, K_, D_;
  RandomMemory memory_;
  std::vector<uint16_t> ones_;
  std::vector<TensorView> views_;
  std::map<std::string, size_t, std::less<>> places_;
};

}  // namespace

std::string config_of(std::string_view name) {
  for (const Shape& shape : kShapes) {
    if (shape.name != name) continue;
    const auto number = [](const char* key, int64_t value) {
      return "\"" + std::string(key) + "\": " + std::to_string(value) + ", ";
    };
    return std::string("{\"architectures\": [\"") + shape.architecture + "\"], \"model_type\": \"" +
           shape.type + "\", " + number("num_hidden_layers", shape.layers) +
           number("hidden_size", shape.width) + number("num_attention_heads", shape.heads) +
           number("num_key_value_heads", shape.kv_heads) + number("head_dim", shape.head_width) +
           number("intermediate_size", shape.mlp) + number("vocab_size", kIds) +
           number("max_position_embeddings", 40960) +
           "\"rms_norm_eps\": 1e-6, \"rope_theta\": 1000000.0, \"hidden_act\": \"silu\", "
           "\"tie_word_embeddings\": true}";
  }
  throw std::runtime_error("there is no shape '" + std::string(name) + "'");
}

std::shared_ptr<const ModelWeights> random_weights(const std::string& shape) {
  const ModelConfig config = value_or_throw(config_from_hf(config_of(shape)));
  if (!config.unsupported.empty()) throw std::runtime_error(config.unsupported.front());
  return value_or_throw(ModelWeights::create(std::make_unique<RandomFile>(config), config, false, {}));
}

std::shared_ptr<const ModelWeights> open_weights(const std::filesystem::path& path) {
  if (!std::filesystem::is_directory(path)) {
    auto file = std::make_unique<GgufFile>(value_or_throw(GgufFile::open(path)));
    const ModelConfig config = value_or_throw(config_from_gguf(*file));
    return value_or_throw(ModelWeights::create(std::move(file), config, true, {}));
  }
  const std::string text = value_or_throw(read_text_file(path / "config.json"));
  const ModelConfig config = value_or_throw(config_from_hf(text));
  auto file = std::make_unique<SafetensorsFile>(value_or_throw(SafetensorsFile::open(path)));
  return value_or_throw(ModelWeights::create(std::move(file), config, false, {}));
}

}  // namespace headwise::gpu_bench
