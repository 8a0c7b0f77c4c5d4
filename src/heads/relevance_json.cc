// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "heads/relevance_json.h"

#include <algorithm>

#include "base/check.h"

namespace headwise {
namespace {

tl::unexpected<Error> bad_fit(const std::string& why) {
  return fail(ErrorCode::kInvalidInput, "'relevance': " + why + "; `headwise heads calibrate` writes it");
}

Result<double> number_of(const nlohmann::json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_number())
    return bad_fit(std::string("'") + name + "' is no number");
  return found->get<double>();
}

Result<std::vector<double>> parse_weights(const nlohmann::json& object) {
  const auto found = object.find("weights");
  if (found == object.end() || !found->is_object()) return bad_fit("'weights' is no object of numbers");
  const auto features = relevance_features();
  std::vector<double> weights(features.size(), 0.0);
  for (const auto& [name, value] : found->items()) {
    const std::string wanted = name;
    const auto feature = std::find_if(features.begin(), features.end(),
                                      [&](const RelevanceFeature& known) { return known.name == wanted; });
    if (feature == features.end()) return bad_fit("there is no feature '" + name + "'");
    if (!value.is_number()) return bad_fit("the weight '" + name + "' is no number");
    weights[static_cast<size_t>(feature - features.begin())] = value.get<double>();
  }
  return weights;
}

}  // namespace

Result<std::optional<RelevanceFit>> parse_relevance(const nlohmann::json& set) {
  const auto found = set.find("relevance");
  if (found == set.end() || found->is_null()) return std::nullopt;
  if (!found->is_object()) return bad_fit("expected an object");
  RelevanceFit fit;
  auto bias = number_of(*found, "bias");
  HW_RETURN_IF_ERROR(bias);
  fit.bias = *bias;
  auto weights = parse_weights(*found);
  HW_RETURN_IF_ERROR(weights);
  fit.weights = std::move(*weights);
  if (const auto data = found->find("data"); data != found->end() && data->is_array()) {
    for (const nlohmann::json& item : *data) {
      if (item.is_string()) fit.data.push_back(item.get<std::string>());
    }
  }
  if (const auto error = found->find("error"); error != found->end() && error->is_number()) {
    fit.error = error->get<double>();
  }
  HW_RETURN_IF_ERROR(check_relevance_fit(fit));
  return fit;
}

nlohmann::ordered_json relevance_json(const RelevanceFit& fit) {
  nlohmann::ordered_json json;
  json["bias"] = fit.bias;
  const auto features = relevance_features();
  for (size_t k = 0; k < features.size(); ++k) {
    json["weights"][std::string(features[k].name)] = fit.weights[k];
  }
  if (!fit.data.empty()) json["data"] = fit.data;
  if (fit.error) json["error"] = *fit.error;
  return json;
}

}  // namespace headwise
