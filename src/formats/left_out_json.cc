// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "formats/left_out_json.h"

#include "base/utf8.h"

namespace headwise {

nlohmann::ordered_json left_out_json(const LeftOut& left_out) {
  auto json = nlohmann::ordered_json::array();
  for (size_t i = 0; i < kWhysLeftOut; ++i) {
    const auto why = static_cast<WhyLeftOut>(i);
    const LeftOut::Group& group = left_out.group(why);
    if (group.files == 0) continue;
    auto examples = nlohmann::ordered_json::array();
    for (const std::string& name : group.examples) examples.push_back(replace_invalid_utf8(name));
    json.push_back({{"reason", words_of(why)}, {"files", group.files}, {"examples", std::move(examples)}});
  }
  return json;
}

LeftOut parse_left_out(std::string_view text) {
  LeftOut left_out;
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_array()) return left_out;
  for (const nlohmann::json& entry : json) {
    if (!entry.is_object() || !entry.contains("reason") || !entry.contains("files") ||
        !entry["files"].is_number_integer() || !entry.contains("examples") || !entry["examples"].is_array()) {
      continue;
    }
    for (size_t i = 0; i < kWhysLeftOut; ++i) {
      const auto why = static_cast<WhyLeftOut>(i);
      if (entry["reason"] != words_of(why)) continue;
      LeftOut::Group& group = left_out.group(why);
      group.files = entry["files"].get<int64_t>();
      for (const nlohmann::json& name : entry["examples"]) {
        if (name.is_string()) group.examples.push_back(name.get<std::string>());
      }
    }
  }
  return left_out;
}

}  // namespace headwise
