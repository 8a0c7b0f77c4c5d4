// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "align/files/adapter_files.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "align/graph/tensor_values.h"
#include "base/check.h"
#include "base/file.h"
#include "formats/safetensors_writer.h"
#include "model/families.h"

namespace headwise {
namespace {

using Json = nlohmann::ordered_json;
using torch::Tensor;

struct Factors {
  Tensor a;
  Tensor b;
};

// W + change as low-rank factors: the smaller side's identity and the change itself.
Factors whole_factors(const Tensor& change) {
  const int64_t out = change.size(0);
  const int64_t in = change.size(1);
  const Tensor whole = change.detach().to(torch::kCPU);
  return out <= in ? Factors{whole, torch::eye(out)} : Factors{torch::eye(in), whole};
}

}  // namespace

Status write_adapter(const std::filesystem::path& folder, const TrainingModel& model,
                     const std::string& base_name) {
  const bool whole = model.options().whole_matrices;
  const TensorNames names = family_of(model.config()).names;
  std::vector<std::vector<float>> values;
  std::vector<NamedTensor> tensors;
  std::set<std::string> modules;
  std::set<int64_t> layers;
  Json ranks = Json::object();
  int64_t most = 1;
  values.reserve(2 * model.matrices().size());
  for (const TrainedMatrix& matrix : model.matrices()) {
    const Factors factors = whole ? whole_factors(matrix.a) : Factors{matrix.a, matrix.b};
    const std::string module = "layers." + std::to_string(matrix.layer) + "." +
                               std::string(module_of(*name_of(names, matrix.tensor)));
    const std::string stem = "base_model.model.model." + module;
    values.push_back(float_values(factors.a));
    tensors.push_back({stem + ".lora_A.weight", factors.a.sizes().vec(), values.back()});
    values.push_back(float_values(factors.b));
    tensors.push_back({stem + ".lora_B.weight", factors.b.sizes().vec(), values.back()});
    modules.insert(module.substr(module.rfind('.') + 1));
    layers.insert(matrix.layer);
    most = std::max(most, factors.a.size(0));
    if (whole) ranks[module] = factors.a.size(0);
  }
  Json config;
  config["peft_type"] = "LORA";
  config["task_type"] = "CAUSAL_LM";
  config["base_model_name_or_path"] = base_name;
  config["inference_mode"] = true;
  config["r"] = whole ? most : model.options().rank;
  config["lora_alpha"] = whole ? static_cast<double>(most) : model.options().alpha;
  if (whole) {
    // Scale 1 everywhere.
    config["rank_pattern"] = ranks;
    config["alpha_pattern"] = ranks;
  }
  config["lora_dropout"] = 0.0;
  config["bias"] = "none";
  config["target_modules"] = modules;
  config["layers_to_transform"] = layers;
  // In the deepest layer only queries and keys are trained: PEFT adds factors to every target of the layers
  // listed, and leaves those that the file lacks at zero.
  HW_RETURN_IF_ERROR(write_file_atomically(folder / "adapter_model.safetensors",
                                           format_safetensors(tensors, {{"format", "pt"}})));
  return write_file_atomically(folder / "adapter_config.json", config.dump(2) + "\n");
}

}  // namespace headwise
