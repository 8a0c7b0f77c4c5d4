// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "engine/named_heads.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ascii.h"
#include "base/near_word.h"
#include "engine/options.h"
#include "headwise/head_catalogue.h"
#include "headwise/head_selection.h"

namespace headwise {
namespace {

// "qrhead/llama-3.1-8b" in small letters -> qrhead, llama, 3.1, 8b
std::set<std::string> parts_of(std::string_view name) {
  std::set<std::string> parts;
  std::string part;
  for (const char c : std::string(name) + "/") {
    if (c != '/' && c != '-' && c != '_') {
      part += lower_ascii(c);
      continue;
    }
    if (!part.empty()) parts.insert(std::exchange(part, {}));
  }
  return parts;
}

// Names by what they share with the one given, most first; the one that differs by a slip of the keys first
// of all.
std::vector<std::string> near_names(const std::string& given) {
  constexpr size_t kListed = 4;
  const std::set<std::string> wanted = parts_of(given);
  std::vector<std::pair<size_t, std::string>> ranked;
  std::vector<std::string> names;
  for (const CatalogueEntry& entry : head_catalogue()) {
    names.push_back(entry.name);
    const std::set<std::string> parts = parts_of(entry.name);
    const auto shared = std::count_if(parts.begin(), parts.end(),
                                      [&](const std::string& part) { return wanted.contains(part); });
    if (shared > 0) ranked.emplace_back(static_cast<size_t>(shared), entry.name);
  }
  std::stable_sort(ranked.begin(), ranked.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  std::vector<std::string> near;
  if (const std::string slip = nearest_word(given, names); !slip.empty()) near.push_back(slip);
  for (const auto& [shared, name] : ranked) {
    if (near.size() < kListed && std::find(near.begin(), near.end(), name) == near.end())
      near.push_back(name);
  }
  return near;
}

}  // namespace

Result<std::optional<HeadSet>> named_head_set(const std::string& given) {
  std::error_code ignored;
  if (std::filesystem::is_regular_file(given, ignored)) {
    auto set = read_head_set(given);
    if (!set) return fail(std::move(set.error()));
    return std::move(*set);
  }
  if (const HeadSet* published = find_head_set(given)) return *published;
  if (given.ends_with(".json") || given.ends_with(".yaml") || given.ends_with(".yml")) {
    return fail(ErrorCode::kNotFound, "--heads: there is no file '" + given + "'");
  }
  if (given.find('/') == std::string::npos) return std::nullopt;
  std::string near;
  for (const std::string& name : near_names(given)) near += (near.empty() ? "; near: " : ", ") + name;
  return fail(ErrorCode::kNotFound, "--heads: '" + given + "' is neither a file nor a published head list" +
                                        near + "; `headwise heads show` lists all");
}

std::vector<std::string> head_names_for(const Model& model) {
  std::vector<std::string> names = {kDefaultHeads, "all"};
  for (const CatalogueEntry& entry : head_catalogue()) {
    if (check_head_set(entry.set, model)) names.push_back(entry.name);
  }
  return names;
}

bool is_heads_without_file(const std::string& given) {
  std::error_code ignored;
  const bool known = given == kDefaultHeads || find_head_set(given) != nullptr || HeadSelection::parse(given);
  return known && !std::filesystem::exists(given, ignored);
}

}  // namespace headwise
