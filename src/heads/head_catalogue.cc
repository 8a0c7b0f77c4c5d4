// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "headwise/head_catalogue.h"

#include <algorithm>
#include <vector>

#include "base/ascii.h"
#include "base/check.h"
#include "heads/embedded_head_sets.h"

namespace headwise {
namespace {

std::vector<CatalogueEntry> parse_all() {
  std::vector<CatalogueEntry> entries;
  for (const EmbeddedHeadSet& item : embedded_head_sets()) {
    entries.push_back({item.name, built_in_head_set(item.json)});
  }
  std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return entries;
}

}  // namespace

HeadSet built_in_head_set(std::string_view json) {
  auto set = parse_head_set(json);
  HW_CHECK(set.has_value());
  return std::move(*set);
}

std::span<const CatalogueEntry> head_catalogue() {
  static const std::vector<CatalogueEntry> entries = parse_all();
  return entries;
}

const HeadSet* find_head_set(std::string_view name) {
  for (const CatalogueEntry& entry : head_catalogue()) {
    if (same_but_for_case(entry.name, name)) return &entry.set;
  }
  return nullptr;
}

const HeadSet* default_head_set(std::string_view fingerprint) {
  for (const CatalogueEntry& entry : head_catalogue()) {
    if (!entry.set.model.empty() && entry.set.model == fingerprint) return &entry.set;
  }
  return nullptr;
}

}  // namespace headwise
