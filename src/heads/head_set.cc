// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Three ways to write a list of heads. Read: whichever the content is.
#include "headwise/head_set.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <system_error>
#include <utility>

#include "base/check.h"
#include "base/file.h"
#include "formats/json_text.h"
#include "heads/head_list_json.h"
#include "heads/relevance_json.h"

namespace headwise {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kFormat = "headwise head set";
constexpr int kFormatVersion = 1;

struct TextField {
  const char* name;
  std::string HeadSet::*member;
};
constexpr TextField kTexts[] = {
    {"model", &HeadSet::model},
    {"method", &HeadSet::method},
    {"template", &HeadSet::prompt_template},
    {"encoding", &HeadSet::encoding},
    {"calibration", &HeadSet::calibration},
    {"token_filter", &HeadSet::token_filter},
    {"rows", &HeadSet::rows},
    {"keep_budget", &HeadSet::keep_budget},
    {"source", &HeadSet::source},
};

Result<std::vector<HeadId>> parse_list(const std::string& text) {
  auto selection = HeadSelection::parse(text);
  if (!selection || selection->kind != HeadSelection::Kind::kList) {
    return fail(ErrorCode::kInvalidInput,
                "'" + text.substr(0, 60) + "' is not a list of heads such as 16-19,16-2");
  }
  return std::move(selection->list);
}

Result<std::vector<double>> parse_numbers(const nlohmann::json& json, const char* name, size_t count) {
  std::vector<double> numbers;
  const auto found = json.find(name);
  if (found == json.end() || found->is_null()) return numbers;
  if (!found->is_array() || found->size() != count) {
    return fail(
        ErrorCode::kInvalidInput,
        std::string("'") + name + "' must be an array with one number a head, " + std::to_string(count));
  }
  for (const nlohmann::json& value : *found) {
    if (!value.is_number())
      return fail(ErrorCode::kInvalidInput, std::string("'") + name + "' holds " + value.dump());
    numbers.push_back(value.get<double>());
  }
  return numbers;
}

std::string shape_text(int layers, int heads) {
  return std::to_string(layers) + " layers x " + std::to_string(heads) + " heads";
}

// "for": {"name": "Llama-3.1-8B-Instruct", "layers": 32, "heads": 32}
Result<std::optional<HeadSetTarget>> parse_target(const nlohmann::json& json) {
  const auto found = json.find("for");
  if (found == json.end() || found->is_null()) return std::nullopt;
  const auto size = [&](const char* name) {
    const auto member = found->is_object() ? found->find(name) : found->end();
    constexpr int64_t kMost = 1 << 16;
    if (!found->is_object() || member == found->end() || !member->is_number_integer()) return 0;
    const auto value = member->get<int64_t>();
    return value > 0 && value <= kMost ? static_cast<int>(value) : 0;
  };
  HeadSetTarget target{"", size("layers"), size("heads")};
  if (found->is_object() && found->contains("name") && (*found)["name"].is_string()) {
    target.name = (*found)["name"].get<std::string>();
  }
  if (target.name.empty() || target.layers == 0 || target.heads == 0) {
    return fail(ErrorCode::kInvalidInput,
                "'for' must name a model and its shape, as {\"name\": \"Llama-3.1-8B-Instruct\", \"layers\": "
                "32, \"heads\": 32}; found " +
                    found->dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).substr(0, 200));
  }
  return target;
}

Result<HeadSet> parse_own(const nlohmann::json& json) {
  if (json.value("version", nlohmann::json()) != kFormatVersion) {
    return fail(ErrorCode::kInvalidInput, "expected head-set version " + std::to_string(kFormatVersion) +
                                              ", found " + json.value("version", nlohmann::json()).dump());
  }
  HeadSet set;
  for (const TextField& field : kTexts) {
    const auto found = json.find(field.name);
    if (found == json.end() || found->is_null()) continue;
    if (!found->is_string())
      return fail(ErrorCode::kInvalidInput, std::string("'") + field.name + "' is not a text");
    set.*field.member = found->get<std::string>();
  }
  auto heads = parse_head_list(json.value("heads", nlohmann::json()), "heads");
  HW_RETURN_IF_ERROR(heads);
  set.heads = std::move(*heads);
  auto target = parse_target(json);
  HW_RETURN_IF_ERROR(target);
  set.target = std::move(*target);
  for (const HeadId id : set.heads) {
    if (!set.target || (id.layer < set.target->layers && id.head < set.target->heads)) continue;
    return fail(ErrorCode::kInvalidInput, "head " + to_string(id) + " is not in a model of " +
                                              shape_text(set.target->layers, set.target->heads) +
                                              ", which 'for' says");
  }
  auto weights = parse_numbers(json, "weights", set.heads.size());
  HW_RETURN_IF_ERROR(weights);
  set.weights = std::move(*weights);
  auto scores = parse_numbers(json, "head_scores", set.heads.size());
  HW_RETURN_IF_ERROR(scores);
  set.head_scores = std::move(*scores);
  if (const auto data = json.find("data"); data != json.end() && data->is_array()) {
    for (const nlohmann::json& item : *data) {
      if (item.is_string()) set.data.push_back(item.get<std::string>());
    }
  }
  if (const auto ndcg = json.find("ndcg@10"); ndcg != json.end() && ndcg->is_number())
    set.ndcg = ndcg->get<double>();
  auto relevance = parse_relevance(json);
  HW_RETURN_IF_ERROR(relevance);
  set.relevance = std::move(*relevance);
  return set;
}

// {"16-19": 0.93, ...}, best first or not.
Result<HeadSet> parse_core(const nlohmann::json& json) {
  std::vector<std::pair<HeadId, double>> rows;
  for (const auto& [name, value] : json.items()) {
    auto one = parse_list(name);
    HW_RETURN_IF_ERROR(one);
    if (!value.is_number()) return fail(ErrorCode::kInvalidInput, "head '" + name + "' has no number");
    rows.emplace_back(one->front(), value.get<double>());
  }
  std::stable_sort(rows.begin(), rows.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  HeadSet set;
  set.method = "core";
  for (const auto& [head, score] : rows) {
    set.heads.push_back(head);
    set.head_scores.push_back(score);
  }
  return set;
}

// The one line of QRHead's YAML that matters: attn_head_set: "16-19,16-2" # top16
Result<HeadSet> parse_qrhead(std::string_view text, size_t at) {
  std::string_view line = text.substr(at, text.find('\n', at) - at);
  line = line.substr(0, line.find('#'));  // neither heads nor names of models have one
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos) return fail(ErrorCode::kInvalidInput, "'attn_head_set' has no value");
  std::string value(line.substr(colon + 1));
  std::erase_if(value, [](char c) { return c == '"' || c == '\'' || c == ' ' || c == '\t' || c == '\r'; });
  auto heads = parse_list(value);
  HW_RETURN_IF_ERROR(heads);
  HeadSet set;
  set.method = "qr";
  set.heads = std::move(*heads);
  return set;
}

}  // namespace

Result<HeadSet> parse_head_set(std::string_view text) {
  const size_t yaml = text.find("attn_head_set");
  auto json = parse_json(text);
  if (!json) {
    if (yaml != std::string::npos) return parse_qrhead(text, yaml);
    return fail(std::move(json.error()));
  }
  if (json->is_object() && json->value("format", nlohmann::json()) == kFormat) return parse_own(*json);
  if (json->is_object() && !json->empty()) return parse_core(*json);
  return fail(ErrorCode::kInvalidInput,
              "expected a headwise head set, QRHead's YAML (attn_head_set: \"16-19,16-2\") or CoRe's JSON "
              "({\"16-19\": 0.9})");
}

HeadSelection HeadSet::selection() const {
  HeadSelection selection;
  selection.kind = HeadSelection::Kind::kList;
  selection.list = heads;
  selection.weights = weights;
  return selection;
}

std::optional<std::filesystem::path> head_set_beside(const std::filesystem::path& adapter) {
  std::filesystem::path file = adapter / "heads.json";
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(file, ignored)) return std::nullopt;
  return file;
}

Result<HeadSet> read_head_set(const std::filesystem::path& path) {
  auto text = read_text_file(path, size_t{16} << 20);
  HW_RETURN_IF_ERROR(text);
  auto set = parse_head_set(*text);
  if (!set) return fail(std::move(set.error()).with_context("reading the head set '" + path.string() + "'"));
  return set;
}

std::string format_head_set(const HeadSet& set, HeadSetFormat format) {
  if (format == HeadSetFormat::kQrHead) return "attn_head_set: \"" + set.selection().to_string() + "\"\n";
  Json json;
  if (format == HeadSetFormat::kCore) {
    for (size_t i = 0; i < set.heads.size(); ++i) {
      json[to_string(set.heads[i])] = set.head_scores.empty() ? 1.0 : set.head_scores[i];
    }
    return json.dump(1) + "\n";
  }
  json["format"] = kFormat;
  json["version"] = kFormatVersion;
  for (const TextField& field : kTexts) {
    if (!(set.*field.member).empty()) json[field.name] = set.*field.member;
  }
  if (set.target) {
    json["for"] = {{"name", set.target->name}, {"layers", set.target->layers}, {"heads", set.target->heads}};
  }
  json["heads"] = head_list_json(set.heads);
  if (!set.weights.empty()) json["weights"] = set.weights;
  if (!set.head_scores.empty()) json["head_scores"] = set.head_scores;
  if (!set.data.empty()) json["data"] = set.data;
  if (set.ndcg) json["ndcg@10"] = *set.ndcg;
  if (set.relevance) json["relevance"] = relevance_json(*set.relevance);
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Status check_head_set(const HeadSet& set, const std::string& fingerprint, int layers, int heads) {
  constexpr const char* kNext = "; find heads for it with `headwise heads select`";
  if (!set.model.empty() && set.model != fingerprint) {
    return fail(ErrorCode::kInvalidInput,
                "the head set belongs to model " + set.model + ", but this one is " + fingerprint + kNext);
  }
  if (set.target && (set.target->layers != layers || set.target->heads != heads)) {
    return fail(ErrorCode::kInvalidInput, "the head set is for " + set.target->name + " (" +
                                              shape_text(set.target->layers, set.target->heads) +
                                              "), but this model, " + fingerprint + ", has " +
                                              shape_text(layers, heads) + kNext);
  }
  const auto resolved = set.selection().resolve(layers, heads);
  if (!resolved) return fail(resolved.error());
  return {};
}

Status check_head_set(const HeadSet& set, const Model& model) {
  // Heads chosen on the frozen model are what an adapter is trained for, so both names fit.
  const bool of_base = set.model == model.base_fingerprint();
  return check_head_set(set, of_base ? set.model : model.fingerprint(),
                        static_cast<int>(model.config().layers), static_cast<int>(model.config().heads));
}

}  // namespace headwise
