// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the bounds of flags that are numbers, and the words of flags that are words, with the
// messages that the engine's own options have: "--depth: expected 0 or more; found '-3'". CLI11's own checks
// print the largest double with all of its 309 digits.
#pragma once

#include <CLI/CLI.hpp>
#include <charconv>
#include <cmath>
#include <limits>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace headwise {

// "expected WHAT; found 'VALUE'".
std::string wrong_text(const std::string& expected, const std::string& found);
// "0.05", "100000", "1099511627776".
std::string bound_text(double value);

// A value of Number's kind (whole where Number is) for which `fits` holds; `expected` says which those are.
template <typename Number, typename Fits>
CLI::Validator checked_number(std::string expected, Fits fits) {
  const auto check = [expected = std::move(expected), fits](std::string& text) -> std::string {
    Number value{};
    const char* begin = text.data() + (text.size() > 1 && text.front() == '+' ? 1 : 0);
    const char* end = text.data() + text.size();
    const auto [read, error] = std::from_chars(begin, end, value);
    const bool whole_text = read == end && begin != end;
    if (whole_text && error == std::errc::result_out_of_range && text.front() != '-') {
      return wrong_text(expected + ", at most " + bound_text(double(std::numeric_limits<Number>::max())),
                        text);
    }
    bool fine = whole_text && error == std::errc() && fits(value);
    if constexpr (std::is_floating_point_v<Number>) fine = fine && std::isfinite(value);
    return fine ? std::string() : wrong_text(expected, text);
  };
  return {check, "", "bound"};
}

template <typename Number>
CLI::Validator at_least(Number low) {
  const std::string kind = std::is_integral_v<Number> ? "a whole number, " : "";
  return checked_number<Number>(kind + bound_text(static_cast<double>(low)) + " or more",
                                [low](Number value) { return value >= low; });
}
template <typename Number>
CLI::Validator above(Number low) {
  return checked_number<Number>("a number above " + bound_text(static_cast<double>(low)),
                                [low](Number value) { return value > low; });
}
template <typename Number>
CLI::Validator between(Number low, Number high) {
  const std::string kind = std::is_integral_v<Number> ? "a whole number, " : "";
  const std::string range =
      bound_text(static_cast<double>(low)) + " to " + bound_text(static_cast<double>(high));
  return checked_number<Number>(kind + range,
                                [low, high](Number value) { return value >= low && value <= high; });
}
CLI::Validator one_of(std::vector<std::string> words);

}  // namespace headwise
