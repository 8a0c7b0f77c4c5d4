// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "headwise/shipped_adapter.h"

#include <vector>

#include "engine/embedded_adapters.h"
#include "heads/embedded_head_sets.h"

namespace headwise {
namespace {

std::vector<ShippedAdapter> parse_all() {
  std::vector<ShippedAdapter> adapters;
  for (const EmbeddedAdapter& item : embedded_adapters()) {
    adapters.push_back({built_in_head_set(item.heads), {item.config, item.tensors}});
  }
  return adapters;
}

}  // namespace

const ShippedAdapter* shipped_adapter(std::string_view base_fingerprint) {
  static const std::vector<ShippedAdapter> adapters = parse_all();
  for (const ShippedAdapter& adapter : adapters) {
    if (adapter.heads.model == base_fingerprint) return &adapter;
  }
  return nullptr;
}

}  // namespace headwise
