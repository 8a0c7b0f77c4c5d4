// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "align/files/checkpoint.h"

#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

#include "align/graph/tensor_values.h"
#include "base/check.h"
#include "base/file.h"
#include "formats/json_text.h"
#include "formats/safetensors.h"
#include "formats/safetensors_writer.h"

namespace headwise {
namespace {

using Json = nlohmann::json;

constexpr const char* kDescription = "headwise training";

struct CountField {
  const char* name;
  int64_t TrainingState::*member;
};
constexpr CountField kCounts[] = {{"updates", &TrainingState::updates},
                                  {"optimiser_steps", &TrainingState::optimiser_steps},
                                  {"log_bytes", &TrainingState::log_bytes},
                                  {"best_update", &TrainingState::best_update},
                                  {"evaluations_since", &TrainingState::evaluations_since}};

struct TensorList {
  const char* name;
  std::vector<torch::Tensor> TrainingTensors::*member;
};
constexpr TensorList kLists[] = {{"parameter", &TrainingTensors::parameters},
                                 {"moment", &TrainingTensors::moments},
                                 {"best", &TrainingTensors::best},
                                 {"mean", &TrainingTensors::mean}};

std::string tensor_name(const char* list, size_t place) {
  return std::string(list) + "." + std::to_string(place);
}

tl::unexpected<Error> damaged(const std::string& why) {
  return fail(ErrorCode::kInvalidInput, why + "; start again with --restart");
}

// The first member that two settings do not share.
std::string difference(const std::string& ours, const std::string& theirs) {
  const Json a = Json::parse(ours, nullptr, false);
  const Json b = Json::parse(theirs, nullptr, false);
  if (!a.is_object() || !b.is_object()) return "its settings";
  for (const auto& [key, value] : a.items()) {
    const Json other = b.contains(key) ? b[key] : Json();
    if (value != other) return "'" + key + "' was " + other.dump() + " and is " + value.dump();
  }
  return "its settings";
}

}  // namespace

Status write_checkpoint(const std::filesystem::path& path, const TrainingState& state,
                        const TrainingTensors& tensors) {
  std::vector<std::vector<float>> values;
  std::vector<NamedTensor> named;
  for (const TensorList& list : kLists) {
    for (const torch::Tensor& tensor : tensors.*list.member) values.push_back(float_values(tensor));
  }
  size_t place = 0;
  for (const TensorList& list : kLists) {
    const auto& members = tensors.*list.member;
    for (size_t i = 0; i < members.size(); ++i) {
      named.push_back({tensor_name(list.name, i), members[i].sizes().vec(), values[place++]});
    }
  }
  Json json;
  json["settings"] = state.settings;
  for (const CountField& field : kCounts) json[field.name] = state.*field.member;
  json["best"] = state.best;
  return write_file_atomically(path, format_safetensors(named, {{kDescription, json.dump()}}));
}

Result<TrainingState> read_checkpoint(const std::filesystem::path& path, const std::string& settings,
                                      TrainingTensors& tensors) {
  auto file = SafetensorsFile::open(path);
  HW_RETURN_IF_ERROR(file);
  const auto text = file->metadata().find(kDescription);
  if (text == file->metadata().end()) return damaged("the file is no checkpoint of a training");
  auto json = parse_json(text->second);
  HW_RETURN_IF_ERROR(json);
  const Json* saved = json->is_object() ? first_member(*json, {"settings"}) : nullptr;
  if (saved == nullptr || !saved->is_string())
    return damaged("the checkpoint does not say what it was made with");
  TrainingState state;
  state.settings = saved->get<std::string>();
  if (state.settings != settings) {
    return fail(ErrorCode::kUsage, "the training in this folder was begun with other settings: " +
                                       difference(settings, state.settings) +
                                       "; use the same ones to go on, another --output, or --restart");
  }
  for (const CountField& field : kCounts) {
    const Json* count = first_member(*json, {field.name});
    if (count == nullptr || !count->is_number_integer())
      return damaged(std::string("'") + field.name + "' is missing");
    state.*field.member = count->get<int64_t>();
  }
  const Json* best = first_member(*json, {"best"});
  if (best == nullptr || !best->is_number()) return damaged("'best' is missing");
  state.best = best->get<double>();
  torch::NoGradGuard no_grad;
  for (const TensorList& list : kLists) {
    auto& members = tensors.*list.member;
    for (size_t i = 0; i < members.size(); ++i) {
      const TensorView* view = file->find_tensor(tensor_name(list.name, i));
      if (view == nullptr || view->dtype != DType::kF32 || view->shape != members[i].sizes().vec()) {
        return damaged("tensor '" + tensor_name(list.name, i) + "' is missing or has another shape");
      }
      std::vector<float> values(static_cast<size_t>(view->elements()));
      std::memcpy(values.data(), view->data, view->bytes);
      members[i].copy_(torch::tensor(values).view(members[i].sizes()));
    }
  }
  return state;
}

}  // namespace headwise
