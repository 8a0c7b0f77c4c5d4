// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The router's file: safetensors, the description as JSON in the metadata entry "router"
// (docs/formats.md#labels-and-routers).
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/check.h"
#include "formats/json_members.h"
#include "formats/json_text.h"
#include "formats/safetensors.h"
#include "formats/safetensors_writer.h"
#include "heads/head_list_json.h"
#include "headwise/router.h"

namespace headwise {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kFormat = "headwise router";
constexpr int kFormatVersion = 1;
constexpr int kMostCount = 1'000'000;

struct TextField {
  const char* name;
  std::string Router::*member;
};
constexpr TextField kTexts[] = {
    {"model", &Router::model},
    {"template", &Router::prompt_template},
    {"encoding", &Router::encoding},
    {"calibration", &Router::calibration},
    {"token_filter", &Router::token_filter},
    {"rows", &Router::rows},
};
struct CountField {
  const char* name;
  int Router::*member;
};
constexpr CountField kCounts[] = {
    {"embedding_layer", &Router::embedding_layer}, {"most", &Router::most}, {"fewest", &Router::fewest}};
struct NumberField {
  const char* name;
  double Router::*member;
};
constexpr NumberField kNumbers[] = {
    {"threshold", &Router::threshold}, {"sparsity", &Router::sparsity}, {"dev_ndcg@10", &Router::dev_ndcg}};

// The tensors by name; sides are counts of the description.
enum class Side { kHeads, kInner, kInputs, kNone };
struct TensorField {
  const char* name;
  std::vector<double> RouterWeights::*member;
  Side outer, inner;
};
constexpr TensorField kTensors[] = {
    {"mean", &RouterWeights::mean_C, Side::kInputs, Side::kNone},
    {"deviation", &RouterWeights::deviation_C, Side::kInputs, Side::kNone},
    {"map", &RouterWeights::map_RC, Side::kInner, Side::kInputs},
    {"offset", &RouterWeights::offset_R, Side::kInner, Side::kNone},
    {"heads", &RouterWeights::heads_KR, Side::kHeads, Side::kInner},
    {"bias", &RouterWeights::bias_K, Side::kHeads, Side::kNone},
};

int64_t length_of(Side side, const Router& router) {
  switch (side) {
    case Side::kHeads:
      return static_cast<int64_t>(router.pool.size());
    case Side::kInner:
      return router.weights.inner;
    case Side::kInputs:
      return router.weights.inputs;
    case Side::kNone:
      break;
  }
  return 1;
}

std::vector<int64_t> shape_of(const TensorField& field, const Router& router) {
  std::vector<int64_t> shape{length_of(field.outer, router)};
  if (field.inner != Side::kNone) shape.push_back(length_of(field.inner, router));
  return shape;
}

tl::unexpected<Error> wrong(const std::string& what) { return fail(ErrorCode::kInvalidInput, what); }

Result<Router> parse_description(const std::string& text) {
  auto parsed = parse_json(text);
  HW_RETURN_IF_ERROR(parsed);
  const nlohmann::json& json = *parsed;
  HW_RETURN_IF_ERROR(check_format(json, kFormat, kFormatVersion, "`headwise route train`"));
  Router router;
  for (const TextField& field : kTexts) {
    auto value = text_member(json, field.name);
    HW_RETURN_IF_ERROR(value);
    router.*field.member = std::move(*value);
  }
  for (const CountField& field : kCounts) {
    const auto value = count_member(json, field.name, 0, kMostCount);
    HW_RETURN_IF_ERROR(value);
    router.*field.member = *value;
  }
  // A query whose sure heads were none would read nothing.
  if (router.fewest < 1 || router.fewest > router.most)
    return wrong("'fewest' must be at least 1 and at most 'most'");
  for (const NumberField& field : kNumbers) {
    const auto value = number_member(json, field.name);
    HW_RETURN_IF_ERROR(value);
    router.*field.member = *value;
  }
  for (const auto& [name, target] :
       {std::pair("pool", &router.pool), std::pair("fallback", &router.fallback)}) {
    auto heads = parse_head_list(json.value(name, nlohmann::json()), name);
    HW_RETURN_IF_ERROR(heads);
    *target = std::move(*heads);
  }
  if (const auto controls = json.find("controls"); controls != json.end() && controls->is_array()) {
    for (const nlohmann::json& item : *controls) {
      if (!item.is_object() || !item.value("name", nlohmann::json()).is_string()) {
        return wrong("'controls' must be a list of objects with 'name' and 'heads'");
      }
      auto heads = parse_head_list(item.value("heads", nlohmann::json()), "controls.heads");
      HW_RETURN_IF_ERROR(heads);
      NamedHeads control{item["name"].get<std::string>(), std::move(*heads)};
      const nlohmann::json weights = item.value("weights", nlohmann::json::array());
      for (const nlohmann::json& weight : weights) {
        if (weight.is_number()) control.weights.push_back(weight.get<double>());
      }
      if (!weights.empty() && control.weights.size() != control.heads.size()) {
        return wrong("'controls.weights' must be numbers, one a head");
      }
      router.controls.push_back(std::move(control));
    }
  }
  if (const auto data = json.find("data"); data != json.end() && data->is_array()) {
    for (const nlohmann::json& item : *data)
      router.data.push_back(item.is_string() ? item.get<std::string>() : item.dump());
  }
  if (const auto seed = json.find("seed"); seed != json.end() && seed->is_number_unsigned())
    router.seed = seed->get<uint64_t>();
  return router;
}

Status take_tensors(const SafetensorsFile& file, Router& router) {
  const TensorView* map = file.find_tensor("map");
  if (map == nullptr || map->shape.size() != 2) return wrong("tensor 'map' with two sides is missing");
  router.weights.inner = map->shape[0];
  router.weights.inputs = map->shape[1];
  for (const TensorField& field : kTensors) {
    const TensorView* view = file.find_tensor(field.name);
    const std::vector<int64_t> shape = shape_of(field, router);
    if (view == nullptr || view->dtype != DType::kF32 || view->shape != shape) {
      std::string sides;
      for (const int64_t side : shape) sides += (sides.empty() ? "" : " x ") + std::to_string(side);
      return wrong(std::string("expected a float32 tensor '") + field.name + "' of " + sides);
    }
    std::vector<double>& target = router.weights.*field.member;
    target.resize(static_cast<size_t>(view->elements()));
    for (size_t i = 0; i < target.size(); ++i) {
      float value = 0.0f;
      std::memcpy(&value, view->data + i * sizeof value, sizeof value);
      if (!std::isfinite(value))
        return wrong(std::string("tensor '") + field.name + "' holds a value that is not a finite number");
      target[i] = value;
    }
  }
  for (const double deviation : router.weights.deviation_C) {
    if (deviation <= 0.0) return wrong("tensor 'deviation' holds a value that is not positive");
  }
  return {};
}

}  // namespace

std::string format_router(const Router& router) {
  Json json;
  json["format"] = kFormat;
  json["version"] = kFormatVersion;
  for (const TextField& field : kTexts) json[field.name] = router.*field.member;
  for (const CountField& field : kCounts) json[field.name] = router.*field.member;
  for (const NumberField& field : kNumbers) json[field.name] = router.*field.member;
  json["seed"] = router.seed;
  json["data"] = router.data;
  json["pool"] = head_list_json(router.pool);
  json["fallback"] = head_list_json(router.fallback);
  json["controls"] = Json::array();
  for (const NamedHeads& control : router.controls) {
    json["controls"].push_back({{"name", control.name}, {"heads", head_list_json(control.heads)}});
    if (!control.weights.empty()) json["controls"].back()["weights"] = control.weights;
  }
  std::vector<std::vector<float>> values;
  std::vector<NamedTensor> tensors;
  values.reserve(std::size(kTensors));
  for (const TensorField& field : kTensors) {
    const std::vector<double>& source = router.weights.*field.member;
    values.emplace_back(source.begin(), source.end());
    tensors.push_back({field.name, shape_of(field, router), values.back()});
  }
  return format_safetensors(tensors, {{"router", json.dump(-1, ' ', false, Json::error_handler_t::replace)}});
}

namespace {

Result<Router> router_of(const SafetensorsFile& file) {
  const auto text = file.metadata().find("router");
  if (text == file.metadata().end()) return wrong("the file holds no router: its metadata has no 'router'");
  auto router = parse_description(text->second);
  HW_RETURN_IF_ERROR(router);
  HW_RETURN_IF_ERROR(take_tensors(file, *router));
  return router;
}

}  // namespace

Result<Router> parse_router(std::span<const std::byte> bytes) {
  const auto file = SafetensorsFile::parse(bytes);
  HW_RETURN_IF_ERROR(file);
  return router_of(*file);
}

Result<Router> read_router(const std::filesystem::path& path) {
  const std::string doing = "reading the router '" + path.string() + "'";
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored)) {
    return fail(ErrorCode::kNotFound,
                "there is no router file '" + path.string() + "'; `headwise route train` writes one");
  }
  const auto file = SafetensorsFile::open(path);
  if (!file) return fail(Error(file.error()).with_context(doing));
  auto router = router_of(*file);
  if (!router) return fail(std::move(router.error()).with_context(doing));
  return router;
}

}  // namespace headwise
