// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "common/value_checks.h"

#include <algorithm>
#include <array>
#include <cstdio>

namespace headwise {

std::string wrong_text(const std::string& expected, const std::string& found) {
  constexpr size_t kShown = 60;
  const std::string shown = found.size() > kShown ? found.substr(0, kShown) + "…" : found;
  return "expected " + expected + "; found '" + shown + "'";
}

std::string bound_text(double value) {
  std::array<char, 32> digits{};
  const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), value);
  const bool whole = value == std::trunc(value) && std::abs(value) < 1e18;
  return whole ? std::to_string(static_cast<int64_t>(value)) : std::string(digits.data(), end);
}

CLI::Validator one_of(std::vector<std::string> words) {
  std::string list, expected;
  for (const std::string& word : words) {
    if (word.empty()) continue;
    list += (list.empty() ? "{" : ",") + word;
    expected += (expected.empty() ? "one of " : ", ") + word;
  }
  const auto check = [words = std::move(words), expected](std::string& text) -> std::string {
    const bool known = std::find(words.begin(), words.end(), text) != words.end();
    return known ? std::string() : wrong_text(expected, text);
  };
  return {check, list + "}", "words"};
}

}  // namespace headwise
