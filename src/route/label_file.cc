// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The labels' JSON file (docs/formats.md#labels-and-routers).
#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/check.h"
#include "base/file.h"
#include "formats/json_members.h"
#include "formats/json_text.h"
#include "heads/head_list_json.h"
#include "route/labels.h"

namespace headwise {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kFormat = "headwise routing labels";
constexpr int kFormatVersion = 1;
constexpr int kMostCount = 1'000'000;

struct TextField {
  const char* name;
  std::string& (*of)(RoutingLabels& labels);
};
constexpr TextField kTexts[] = {
    {"model", [](RoutingLabels& labels) -> std::string& { return labels.manifest.model; }},
    {"template", [](RoutingLabels& labels) -> std::string& { return labels.manifest.prompt_template; }},
    {"encoding", [](RoutingLabels& labels) -> std::string& { return labels.manifest.encoding; }},
    {"rows", [](RoutingLabels& labels) -> std::string& { return labels.manifest.rows; }},
    {"calibration", [](RoutingLabels& labels) -> std::string& { return labels.calibration; }},
    {"token_filter", [](RoutingLabels& labels) -> std::string& { return labels.token_filter; }},
};
struct NumberField {
  const char* name;
  int& (*of)(RoutingLabels& labels);
};
constexpr NumberField kNumbers[] = {
    {"layers", [](RoutingLabels& labels) -> int& { return labels.manifest.layers; }},
    {"heads", [](RoutingLabels& labels) -> int& { return labels.manifest.heads; }},
    {"most", [](RoutingLabels& labels) -> int& { return labels.most; }},
    {"votes", [](RoutingLabels& labels) -> int& { return labels.votes; }},
};

tl::unexpected<Error> wrong(const std::string& what) { return fail(ErrorCode::kInvalidInput, what); }

Result<QueryLabel> parse_label(const nlohmann::json& json, const std::vector<HeadId>& pool, size_t stores,
                               const std::string& where) {
  QueryLabel label;
  for (const auto& [name, target] : {std::pair("id", &label.id), std::pair("text", &label.text)}) {
    auto value = text_member(json, name);
    if (!value) return fail(std::move(value.error()).with_context(where));
    *target = std::move(*value);
  }
  const auto store = count_member(json, "store", 0, static_cast<int>(stores) - 1);
  if (!store) return fail(Error(store.error()).with_context(where));
  label.store = static_cast<size_t>(*store);
  auto heads = parse_head_list(json.value("heads", nlohmann::json()), where + ".heads");
  HW_RETURN_IF_ERROR(heads);
  for (const HeadId head : *heads) {
    const auto place = std::find(pool.begin(), pool.end(), head);
    if (place == pool.end()) return wrong(where + ": head " + to_string(head) + " is not in 'pool'");
    label.members.push_back(static_cast<int>(place - pool.begin()));
  }
  std::sort(label.members.begin(), label.members.end());
  if (json.value("ndcg@10", nlohmann::json()).is_number()) label.ndcg = json["ndcg@10"].get<double>();
  return label;
}

Result<RoutingLabels> parse(const nlohmann::json& json) {
  HW_RETURN_IF_ERROR(check_format(json, kFormat, kFormatVersion, "`headwise route label`"));
  RoutingLabels labels;
  for (const TextField& field : kTexts) {
    auto value = text_member(json, field.name);
    HW_RETURN_IF_ERROR(value);
    field.of(labels) = std::move(*value);
  }
  for (const NumberField& field : kNumbers) {
    const auto value = count_member(json, field.name, 1, kMostCount);
    HW_RETURN_IF_ERROR(value);
    field.of(labels) = *value;
  }
  const auto data = json.find("data");
  if (data == json.end() || !data->is_array() || data->empty())
    return wrong("member 'data' must be a list of texts");
  for (const nlohmann::json& item : *data)
    labels.data.push_back(item.is_string() ? item.get<std::string>() : item.dump());
  auto pool = parse_head_list(json.value("pool", nlohmann::json()), "pool");
  HW_RETURN_IF_ERROR(pool);
  labels.pool = std::move(*pool);
  HeadSelection selection;
  selection.kind = HeadSelection::Kind::kList;
  selection.list = labels.pool;
  if (const auto fits = selection.resolve(labels.manifest.layers, labels.manifest.heads); !fits) {
    return wrong("'pool': " + fits.error().message());
  }
  const auto queries = json.find("queries");
  if (queries == json.end() || !queries->is_array() || queries->empty()) {
    return wrong("'queries' must be a list with at least one query");
  }
  for (size_t i = 0; i < queries->size(); ++i) {
    auto label =
        parse_label((*queries)[i], labels.pool, labels.data.size(), "queries[" + std::to_string(i) + "]");
    HW_RETURN_IF_ERROR(label);
    labels.queries.push_back(std::move(*label));
  }
  return labels;
}

}  // namespace

std::string format_labels(const RoutingLabels& labels) {
  RoutingLabels copy = labels;  // the tables' accessors hand out references
  Json json;
  json["format"] = kFormat;
  json["version"] = kFormatVersion;
  for (const TextField& field : kTexts) json[field.name] = field.of(copy);
  for (const NumberField& field : kNumbers) json[field.name] = field.of(copy);
  json["data"] = labels.data;
  json["left_out"] = {{"without_judgements", labels.unjudged},
                      {"without_relevant", labels.without_relevant},
                      {"ties", labels.ties}};
  json["pool"] = head_list_json(labels.pool);
  json["queries"] = Json::array();
  for (const QueryLabel& label : labels.queries) {
    std::vector<HeadId> heads;
    for (const int member : label.members) heads.push_back(labels.pool[static_cast<size_t>(member)]);
    json["queries"].push_back({{"id", label.id},
                               {"text", label.text},
                               {"store", label.store},
                               {"heads", head_list_json(heads)},
                               {"ndcg@10", label.ndcg}});
  }
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<RoutingLabels> parse_labels(std::string_view text) {
  const auto json = parse_json(text);
  HW_RETURN_IF_ERROR(json);
  return parse(*json);
}

Result<RoutingLabels> read_labels(const std::filesystem::path& path) {
  const auto text = read_text_file(path, size_t{1} << 30);
  HW_RETURN_IF_ERROR(text);
  auto labels = parse_labels(*text);
  if (!labels)
    return fail(std::move(labels.error()).with_context("reading the labels '" + path.string() + "'"));
  return labels;
}

}  // namespace headwise
