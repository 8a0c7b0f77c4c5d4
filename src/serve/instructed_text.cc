// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "serve/instructed_text.h"

#include <algorithm>
#include <string_view>

namespace headwise::serve {
namespace {

constexpr std::string_view kInstruct = "<Instruct>:", kQuery = "<Query>:", kDocument = "<Document>:";
constexpr std::string_view kOpening = "<|im_start|>", kEnd = "<|im_end|>";

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpaces = " \t\r\n";
  text.remove_prefix(std::min(text.find_first_not_of(kSpaces), text.size()));
  return text.substr(0, text.find_last_not_of(kSpaces) + 1);
}

bool take_out(RerankQuery& query) {
  const std::string_view text = query.text;
  const size_t instruct = text.find(kInstruct);
  if (instruct == std::string_view::npos) return false;
  const std::string_view before = trimmed(text.substr(0, instruct));
  const size_t asked = text.find(kQuery, instruct);
  if (asked == std::string_view::npos || (!before.empty() && !before.starts_with(kOpening))) return false;
  const size_t begin = instruct + kInstruct.size();
  const std::string instruction(trimmed(text.substr(begin, asked - begin)));
  const std::string_view rest = trimmed(text.substr(asked + kQuery.size()));
  if (rest.empty()) return false;
  query.instruction = instruction;
  query.text = std::string(rest);
  return true;
}

void take_out(Passage& passage) {
  std::string_view text = trimmed(passage.text);
  if (!text.starts_with(kDocument)) return;
  text.remove_prefix(kDocument.size());
  passage.text = std::string(trimmed(text.substr(0, text.rfind(kEnd))));
}

}  // namespace

void take_instructions_out(RerankRequest& request) {
  for (RerankQuery& query : request.queries) {
    if (!take_out(query)) continue;
    for (Passage& passage : query.passages) take_out(passage);
  }
}

}  // namespace headwise::serve
