// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "heads/head_list_json.h"

namespace headwise {

Result<std::vector<HeadId>> parse_head_list(const nlohmann::json& json, const std::string& name) {
  if (!json.is_array() || json.empty()) {
    return fail(ErrorCode::kInvalidInput, "'" + name + "' must be an array such as [\"13-6\", \"17-0\"]");
  }
  std::vector<HeadId> heads;
  for (const nlohmann::json& item : json) {
    const auto one = HeadSelection::parse(item.is_string() ? item.get<std::string>() : item.dump());
    if (!one || one->kind != HeadSelection::Kind::kList || one->list.size() != 1) {
      return fail(ErrorCode::kInvalidInput,
                  "'" + name + "' holds " + item.dump() + ", expected one head such as \"13-6\"");
    }
    heads.push_back(one->list.front());
  }
  return heads;
}

nlohmann::ordered_json head_list_json(std::span<const HeadId> heads) {
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  for (const HeadId head : heads) json.push_back(to_string(head));
  return json;
}

}  // namespace headwise
