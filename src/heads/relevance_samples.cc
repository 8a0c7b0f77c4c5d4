// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "heads/relevance_samples.h"

#include <cmath>
#include <utility>

#include "base/check.h"
#include "base/file.h"
#include "formats/text_lines.h"
#include "heads/head_list_json.h"

namespace headwise {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kSampleFormat = "headwise relevance samples";
constexpr int kSampleVersion = 1;

tl::unexpected<Error> bad_sample(const std::string& why) { return fail(ErrorCode::kInvalidInput, why); }

// A member that is a number of 0 or more.
Result<double> sample_amount(const nlohmann::json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_number())
    return bad_sample(std::string("'") + name + "' is no number");
  const double value = found->get<double>();
  if (!std::isfinite(value) || value < 0.0)
    return bad_sample(std::string("'") + name + "' is " + found->dump());
  return value;
}

Status parse_header(const nlohmann::json& json, RelevanceSamples& samples) {
  if (!json.is_object() || json.value("format", nlohmann::json()) != kSampleFormat ||
      json.value("version", nlohmann::json()) != kSampleVersion) {
    return bad_sample(
        "expected {\"format\": \"headwise relevance samples\", \"version\": 1, ...}, which `headwise "
        "heads sample` writes");
  }
  for (const auto& [name, target] : {std::pair{"model", &samples.model}, std::pair{"base", &samples.base},
                                     std::pair{"data", &samples.data}}) {
    const auto found = json.find(name);
    if (found == json.end() || !found->is_string())
      return bad_sample(std::string("'") + name + "' is no text");
    *target = found->get<std::string>();
  }
  auto heads = parse_head_list(json.value("heads", nlohmann::json()), "heads");
  HW_RETURN_IF_ERROR(heads);
  samples.heads = std::move(*heads);
  const auto weights = json.find("weights");
  if (weights == json.end() || !weights->is_array() || weights->size() != samples.heads.size()) {
    return bad_sample("'weights' is not one number a head");
  }
  for (const nlohmann::json& weight : *weights) {
    if (!weight.is_number()) return bad_sample("'weights' holds " + weight.dump());
    samples.weights.push_back(weight.get<double>());
  }
  return {};
}

Status parse_ids(const nlohmann::json& json, size_t passages, std::vector<std::string>& ids) {
  const auto found = json.find("ids");
  if (found == json.end()) return {};
  if (!found->is_array() || found->size() != passages) return bad_sample("'ids' is not one text a score");
  for (const nlohmann::json& id : *found) {
    if (!id.is_string()) return bad_sample("'ids' holds " + id.dump());
    ids.push_back(id.get<std::string>());
  }
  return {};
}

Result<JudgedRequest> parse_request(const nlohmann::json& json) {
  JudgedRequest request;
  if (!json.is_object() || !json.contains("query") || !json["query"].is_string())
    return bad_sample("no 'query'");
  request.query = json["query"].get<std::string>();
  const auto passages = sample_amount(json, "passages");
  HW_RETURN_IF_ERROR(passages);
  const auto tokens = sample_amount(json, "tokens");
  HW_RETURN_IF_ERROR(tokens);
  const auto mass = sample_amount(json, "mass");
  HW_RETURN_IF_ERROR(mass);
  const auto empty = sample_amount(json, "empty_mass");
  HW_RETURN_IF_ERROR(empty);
  constexpr double kMost = 1e12;
  if (*passages > kMost || *tokens > kMost) return bad_sample("'passages' or 'tokens' is out of range");
  request.facts = {static_cast<int64_t>(*passages), static_cast<int64_t>(*tokens), *mass, *empty};
  const auto scores = json.find("scores");
  const auto relevant = json.find("relevant");
  if (scores == json.end() || relevant == json.end() || !scores->is_array() || !relevant->is_array() ||
      scores->empty() || scores->size() != relevant->size()) {
    return bad_sample("'scores' and 'relevant' must be lists of equal length");
  }
  HW_RETURN_IF_ERROR(parse_ids(json, scores->size(), request.ids));
  for (size_t i = 0; i < scores->size(); ++i) {
    const nlohmann::json& score = (*scores)[i];
    const nlohmann::json& grade = (*relevant)[i];
    if (!score.is_number() || !std::isfinite(score.get<double>())) return bad_sample("a score is no number");
    if (!grade.is_boolean()) return bad_sample("'relevant' holds true and false");
    request.scores.push_back(score.get<double>());
    request.relevant.push_back(grade.get<bool>());
  }
  return request;
}

}  // namespace

std::string sample_header(const RelevanceSamples& samples) {
  Json json;
  json["format"] = kSampleFormat;
  json["version"] = kSampleVersion;
  json["model"] = samples.model;
  json["base"] = samples.base;
  json["data"] = samples.data;
  json["heads"] = head_list_json(samples.heads);
  json["weights"] = samples.weights;
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string sample_line(const JudgedRequest& request) {
  Json json;
  json["query"] = request.query;
  json["passages"] = request.facts.passages;
  json["tokens"] = request.facts.passage_tokens;
  json["mass"] = request.facts.mass;
  json["empty_mass"] = request.facts.empty_mass;
  if (!request.ids.empty()) json["ids"] = request.ids;
  json["scores"] = request.scores;
  json["relevant"] = request.relevant;
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<RelevanceSamples> read_relevance_samples(const std::filesystem::path& path) {
  constexpr size_t kMostBytes = size_t{1} << 30;
  auto text = read_text_file(path, kMostBytes);
  HW_RETURN_IF_ERROR(text);
  RelevanceSamples samples;
  LineReader lines(*text);
  while (const auto line = lines.next()) {
    const auto json = nlohmann::json::parse(line->text, nullptr, false);
    Status read = {};
    if (line->number == 1) {
      read = parse_header(json, samples);
    } else {
      auto request = parse_request(json);
      if (request) samples.requests.push_back(std::move(*request));
      if (!request) read = fail(std::move(request.error()));
    }
    if (!read) {
      return fail(std::move(read.error())
                      .with_context("reading '" + path.string() + "', line " + std::to_string(line->number)));
    }
  }
  if (samples.requests.empty()) {
    return fail(ErrorCode::kInvalidInput, "'" + path.string() + "' holds no judged request");
  }
  return samples;
}

Status check_samples(const RelevanceSamples& samples, const HeadSet& set) {
  constexpr const char* kNext = "; sample again with `headwise heads sample --heads FILE`";
  if (!set.model.empty() && set.model != samples.model && set.model != samples.base) {
    return fail(ErrorCode::kUsage,
                "the head set is of model " + set.model + ", the samples are of " + samples.model + kNext);
  }
  if (set.heads != samples.heads || set.selection().weights_of(set.heads.size()) != samples.weights) {
    return fail(ErrorCode::kUsage, "the samples were read with other heads or weights than the head set has" +
                                       std::string(kNext));
  }
  return {};
}

}  // namespace headwise
