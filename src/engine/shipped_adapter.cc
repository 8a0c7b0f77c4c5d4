// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "headwise/shipped_adapter.h"

#include <utility>
#include <vector>

#include "base/check.h"
#include "engine/embedded_adapters.h"

namespace headwise {
namespace {

std::vector<ShippedAdapter> parse_all() {
  std::vector<ShippedAdapter> adapters;
  for (const EmbeddedAdapter& item : embedded_adapters()) {
    auto heads = parse_head_set(item.heads);
    HW_CHECK(heads.has_value());  // tests/unit/engine reads every one of them
    adapters.push_back({std::move(*heads), {item.config, item.tensors}});
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
