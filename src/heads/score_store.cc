// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "headwise/score_store.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>
#include <variant>

#include "base/check.h"
#include "base/file.h"
#include "formats/json_text.h"
#include "formats/npy.h"
#include "headwise/keep.h"

namespace headwise {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kFormat = "headwise head-score store";
constexpr int kFormatVersion = 1;
constexpr int64_t kChannels = 3;

// The manifest's members: name, place, and whether stores used together must agree on it. Those that may be
// nothing came later: a manifest need not have them.
using Member = std::variant<std::string StoreManifest::*, int StoreManifest::*, uint64_t StoreManifest::*,
                            std::optional<std::string> StoreManifest::*, std::optional<int> StoreManifest::*>;
struct Field {
  std::string_view name;
  Member member;
  bool must_agree;
};
const std::array<Field, 19> kFields{{
    {"model", &StoreManifest::model, true},
    {"layers", &StoreManifest::layers, true},
    {"heads", &StoreManifest::heads, true},
    {"template", &StoreManifest::prompt_template, true},
    {"encoding", &StoreManifest::encoding, true},
    {"rows", &StoreManifest::rows, true},
    {"token_filter", &StoreManifest::token_filter, true},
    {"order", &StoreManifest::order, false},
    {"seed", &StoreManifest::seed, false},
    {"max_words", &StoreManifest::max_words, false},
    {"max_tokens", &StoreManifest::max_tokens, true},
    {"long", &StoreManifest::long_passages, true},
    {"max_windows", &StoreManifest::max_windows, true},
    {"precision", &StoreManifest::precision, true},
    {"keep_type", &StoreManifest::keep_type, true},
    {"keep_budget", &StoreManifest::keep_budget, true},
    {"depth", &StoreManifest::depth, false},
    {"dataset", &StoreManifest::dataset, false},
    {"headwise", &StoreManifest::headwise, false},
}};

std::filesystem::path scores_path(const std::filesystem::path& folder, size_t query) {
  char name[32];
  std::snprintf(name, sizeof name, "%05zu.npy", query);
  return folder / name;
}

tl::unexpected<Error> bad_manifest(const std::filesystem::path& path, const std::string& what) {
  return fail(ErrorCode::kInvalidInput, "'" + path.string() + "': " + what);
}

// False when the value is of another type.
bool take(const nlohmann::json& value, std::string& text) {
  if (!value.is_string()) return false;
  text = value.get<std::string>();
  return true;
}
bool take(const nlohmann::json& value, int& whole) {
  if (!value.is_number_integer()) return false;
  const auto number = value.get<int64_t>();
  if (number < 0 || number > 1'000'000) return false;
  whole = static_cast<int>(number);
  return true;
}
bool take(const nlohmann::json& value, uint64_t& whole) {
  if (!value.is_number_unsigned()) return false;
  whole = value.get<uint64_t>();
  return true;
}

template <typename T>
bool take_member(const nlohmann::json* value, T& member) {
  return value != nullptr && take(*value, member);
}
template <typename T>
bool take_member(const nlohmann::json* value, std::optional<T>& member) {
  return value == nullptr || take(*value, member.emplace());
}

template <typename T>
Json json_of(const T& member) {
  return member;
}
// null: it is not named.
template <typename T>
Json json_of(const std::optional<T>& member) {
  return member ? Json(*member) : Json();
}

Result<StoredQuery> parse_query(const nlohmann::json& value, const std::filesystem::path& path,
                                size_t number) {
  const std::string where = "queries[" + std::to_string(number) + "]";
  const auto text = [&](const char* name) -> Result<std::string> {
    if (!value.is_object() || !value.contains(name) || !value[name].is_string()) {
      return bad_manifest(path, where + " needs a text member '" + name + "'");
    }
    return value[name].get<std::string>();
  };
  StoredQuery query;
  auto id = text("id");
  HW_RETURN_IF_ERROR(id);
  query.id = std::move(*id);
  auto words = text("text");
  HW_RETURN_IF_ERROR(words);
  query.text = std::move(*words);
  const auto candidates = value.find("candidates");
  const auto scores = value.find("first_stage_scores");
  if (candidates == value.end() || !candidates->is_array() || scores == value.end() || !scores->is_array() ||
      candidates->size() != scores->size() || candidates->empty()) {
    return bad_manifest(path,
                        where + " needs 'candidates' and 'first_stage_scores', two arrays of one length");
  }
  for (size_t i = 0; i < candidates->size(); ++i) {
    if (!(*candidates)[i].is_string() || !(*scores)[i].is_number()) {
      return bad_manifest(path, where + ": candidates are texts, first-stage scores are numbers");
    }
    query.candidates.push_back((*candidates)[i].get<std::string>());
    query.first_stage_scores.push_back((*scores)[i].get<double>());
  }
  return query;
}

}  // namespace

std::string budget_of(const StoreManifest& manifest) {
  const std::string whole = to_string(KeepBudget{});
  return manifest.keep_budget == whole ? "" : manifest.keep_budget.value_or("");
}

Result<ScoreStore> ScoreStore::open(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / "manifest.json";
  std::error_code ignored;
  if (!std::filesystem::is_directory(folder, ignored)) {
    return fail(ErrorCode::kNotFound,
                "'" + folder.string() + "' is not a folder; `headwise heads score` makes a head-score store");
  }
  if (!std::filesystem::exists(path, ignored)) {
    return fail(ErrorCode::kNotFound, "'" + folder.string() +
                                          "' has no manifest.json: not a head-score store, or one that "
                                          "`headwise heads score` has not finished; start it again to go on");
  }
  auto text = read_text_file(path);
  HW_RETURN_IF_ERROR(text);
  auto json = parse_json(*text);
  if (!json) return fail(std::move(json.error()).with_context("reading '" + path.string() + "'"));
  if (!json->is_object() || json->value("format", nlohmann::json()) != kFormat) {
    return bad_manifest(path, std::string("expected \"format\": \"") + kFormat + "\"");
  }
  if (json->value("version", nlohmann::json()) != kFormatVersion) {
    return bad_manifest(path, "expected version " + std::to_string(kFormatVersion) + ", found " +
                                  json->value("version", nlohmann::json()).dump());
  }
  ScoreStore store;
  store.folder_ = folder;
  for (const Field& field : kFields) {
    const auto found = json->find(field.name);
    const nlohmann::json* value = found == json->end() ? nullptr : &*found;
    if (!std::visit([&](auto member) { return take_member(value, store.manifest_.*member); }, field.member)) {
      return bad_manifest(path, "member '" + std::string(field.name) + "' is missing or of the wrong type");
    }
  }
  if (store.manifest_.layers < 1 || store.manifest_.heads < 1) {
    return bad_manifest(path, "expected at least one layer and one head");
  }
  const auto queries = json->find("queries");
  if (queries == json->end() || !queries->is_array() || queries->empty()) {
    return bad_manifest(path, "expected 'queries', an array with at least one query");
  }
  std::set<std::string> ids;
  for (size_t i = 0; i < queries->size(); ++i) {
    auto query = parse_query((*queries)[i], path, i);
    HW_RETURN_IF_ERROR(query);
    if (!ids.insert(query->id).second) return bad_manifest(path, "query '" + query->id + "' is there twice");
    if (!std::filesystem::exists(scores_path(folder, i), ignored)) {
      return fail(ErrorCode::kNotFound, "'" + scores_path(folder, i).string() +
                                            "' with the scores of query '" + query->id + "' is missing");
    }
    store.queries_.push_back(std::move(*query));
  }
  return store;
}

Result<StoredScores> ScoreStore::read(size_t query) const {
  HW_CHECK(query < queries_.size());
  const std::filesystem::path path = scores_path(folder_, query);
  auto bytes = read_file(path);
  HW_RETURN_IF_ERROR(bytes);
  auto array = parse_npy(*bytes, path.string());
  HW_RETURN_IF_ERROR(array);
  const auto count = static_cast<int64_t>(queries_[query].candidates.size());
  const std::vector<int64_t> expected{kChannels, manifest_.layers, manifest_.heads, count};
  if (array->shape != expected) {
    std::string found, wanted;
    for (const int64_t size : array->shape) found += (found.empty() ? "" : ", ") + std::to_string(size);
    for (const int64_t size : expected) wanted += (wanted.empty() ? "" : ", ") + std::to_string(size);
    return bad_manifest(path, "expected shape [" + wanted + "] as manifest.json says, found [" + found + "]");
  }
  for (size_t i = 0; i < array->values.size(); ++i) {
    if (std::isfinite(array->values[i])) continue;
    return bad_manifest(path, "value " + std::to_string(i) +
                                  " is not a finite number; delete the file and run " +
                                  "`headwise heads score` again");
  }
  return StoredScores{manifest_.layers, manifest_.heads, count, std::move(array->values)};
}

std::optional<ManifestDifference> first_difference(const StoreManifest& a, const StoreManifest& b,
                                                   std::span<const std::string_view> members) {
  for (const std::string_view name : members) {
    const auto field =
        std::find_if(kFields.begin(), kFields.end(), [&](const Field& row) { return row.name == name; });
    HW_CHECK(field != kFields.end());
    const auto value_in = [&](const StoreManifest& manifest) {
      return std::visit([&](auto member) { return json_of(manifest.*member); }, field->member);
    };
    const Json left = value_in(a), right = value_in(b);
    if (left.is_null() || right.is_null() || left == right) continue;
    return ManifestDifference{std::string(name), left.dump(), right.dump()};
  }
  return std::nullopt;
}

Status check_same_settings(const ScoreStore& a, const ScoreStore& b) {
  std::vector<std::string_view> members;
  for (const Field& field : kFields) {
    if (field.must_agree) members.push_back(field.name);
  }
  const auto difference = first_difference(a.manifest(), b.manifest(), members);
  if (!difference) return {};
  return fail(ErrorCode::kInvalidInput,
              "the stores '" + a.folder().string() + "' and '" + b.folder().string() +
                  "' cannot be used together: " + difference->member + " is " + difference->left +
                  " in the first and " + difference->right + " in the second");
}

Status write_store_scores(const std::filesystem::path& folder, size_t query, const StoredScores& scores) {
  const int64_t shape[] = {kChannels, scores.layers, scores.heads, scores.candidates};
  return write_file_atomically(scores_path(folder, query), format_npy(shape, scores.values));
}

Status write_store_manifest(const std::filesystem::path& folder, const StoreManifest& manifest,
                            const std::vector<StoredQuery>& queries) {
  Json json;
  json["format"] = kFormat;
  json["version"] = kFormatVersion;
  for (const Field& field : kFields) {
    Json value = std::visit([&](auto member) { return json_of(manifest.*member); }, field.member);
    if (!value.is_null()) json[field.name] = std::move(value);
  }
  json["channels"] = {"s of the query", "s of the content-free query", "na with the token filter"};
  json["queries"] = Json::array();
  for (const StoredQuery& query : queries) {
    json["queries"].push_back({{"id", query.id},
                               {"text", query.text},
                               {"candidates", query.candidates},
                               {"first_stage_scores", query.first_stage_scores}});
  }
  return write_file_atomically(folder / "manifest.json",
                               json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n");
}

}  // namespace headwise
