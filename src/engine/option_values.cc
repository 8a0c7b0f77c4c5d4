// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "engine/option_values.h"

#include <algorithm>
#include <cmath>
#include <system_error>

namespace headwise {

tl::unexpected<Error> wrong_value(const Option& option, const std::string& expected, std::string_view found) {
  return fail(ErrorCode::kUsage, "--" + std::string(option.name) + ": expected " + expected + "; found '" +
                                     std::string(found) + "'");
}

Result<uint64_t> read_integer(const Option& option, std::string_view text, uint64_t most_of_type) {
  std::string_view digits = text;
  const bool negative = digits.starts_with('-');
  if (negative || digits.starts_with('+')) digits.remove_prefix(1);
  if (digits.empty() || digits.find_first_not_of("0123456789") != std::string_view::npos) {
    return wrong_value(option, "a whole number", text);
  }
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  const bool fits = error == std::errc() && number <= most_of_type;
  if (option.most < most_of_type && (negative || !fits || number > option.most)) {
    return wrong_value(option, "0 to " + std::to_string(option.most), text);
  }
  if (negative && number != 0) return wrong_value(option, "0 or more", text);
  if (!fits) return wrong_value(option, "a number that fits, at most " + std::to_string(most_of_type), text);
  return number;
}

Result<double> read_number(const Option& option, std::string_view text) {
  std::string_view digits = text;
  if (digits.starts_with('+')) digits.remove_prefix(1);
  double number = 0.0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  const bool read = error == std::errc() && end == digits.data() + digits.size() && std::isfinite(number);
  if (!read) return wrong_value(option, "a number", text);
  return number;
}

std::string write_number(double number) {
  char digits[32];  // the shortest that reads back as the same number
  return {digits, std::to_chars(digits, digits + sizeof digits, number).ptr};
}

namespace {

struct Unit {
  std::string_view name;
  int shift;
};
constexpr Unit kUnits[] = {{"TiB", 40}, {"GiB", 30}, {"MiB", 20}, {"KiB", 10}, {"T", 40},
                           {"G", 30},   {"M", 20},   {"K", 10},   {"B", 0},    {"", 0}};

constexpr std::string_view kBudgetFile = "file=";

}  // namespace

Result<uint64_t> read_size(const Option& option, std::string_view text) {
  const auto wrong = [&] { return wrong_value(option, "bytes, such as 1GiB, 512M or 1073741824", text); };
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return wrong();
  const std::string_view given = text.substr(static_cast<size_t>(end - text.data()));
  for (const Unit& unit : kUnits) {
    if (given != unit.name) continue;
    if (number > std::numeric_limits<uint64_t>::max() >> unit.shift) break;
    return number << unit.shift;
  }
  return wrong();
}

std::string write_size(uint64_t bytes) {
  for (const Unit& unit : kUnits) {
    if (unit.shift == 0 || bytes == 0) break;
    if (bytes % (uint64_t{1} << unit.shift) == 0) {
      return std::to_string(bytes >> unit.shift) + std::string(unit.name);
    }
  }
  return std::to_string(bytes);
}

Result<KeepBudget> read_budget(const Option& option, std::string_view text) {
  std::string_view file;
  if (const size_t at = text.find(kBudgetFile); at != std::string_view::npos) {
    file = text.substr(at + kBudgetFile.size());
    text = text.substr(0, at > 0 ? at - 1 : 0);
  }
  auto budget = text.empty() && !file.empty() ? Result<KeepBudget>(KeepBudget{}) : parse_keep_budget(text);
  if (!budget) {
    return fail(std::move(budget.error()).with_context("reading --" + std::string(option.name)));
  }
  budget->file = file;
  return budget;
}

std::string write_budget(const KeepBudget& budget) {
  if (budget.file.empty()) return to_string(budget);
  const std::string rest = to_string(budget);
  return (rest == to_string(KeepBudget{}) ? "" : rest + ",") + std::string(kBudgetFile) + budget.file;
}

Result<bool> read_flag(const Option& option, std::string_view text) {
  if (text == "true" || text == "false") return text == "true";
  return wrong_value(option, "true or false", text);
}

std::vector<std::string> fusion_words() { return {"rrf", "none"}; }

Result<FusionChoice> read_fusion(const Option& option, std::string_view text) {
  FusionChoice choice{.spelling = std::string(text)};
  if (text == "none") return choice;
  if (text == "rrf") {
    choice.fusion = Fusion::kReciprocalRank;
    return choice;
  }
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), choice.weight);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(choice.weight) ||
      choice.weight < 0) {
    return wrong_value(option, option.expected, text);
  }
  choice.fusion = Fusion::kWeighted;
  return choice;
}

std::string write_fusion(const FusionChoice& choice) {
  if (!choice.spelling.empty()) return choice.spelling;
  if (choice.fusion == Fusion::kNone) return "none";
  if (choice.fusion == Fusion::kReciprocalRank) return "rrf";
  return write_number(choice.weight);
}

Result<DeviceChoice> read_device(const Option& option, std::string_view text) {
  constexpr std::string_view kCuda = "cuda";
  DeviceChoice choice;
  if (text == "cpu") return choice;
  choice.kind = DeviceChoice::Kind::kCuda;
  if (text == kCuda) return choice;
  if (!text.starts_with(kCuda) || text[kCuda.size()] != ':')
    return wrong_value(option, option.expected, text);
  const std::string_view number = text.substr(kCuda.size() + 1);
  const bool digits = !number.empty() && number.find_first_not_of("0123456789") == std::string_view::npos;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), choice.ordinal);
  if (!digits || error != std::errc()) return wrong_value(option, option.expected, text);
  return choice;
}

std::string device_kind(const DeviceChoice& choice) {
  return choice.kind == DeviceChoice::Kind::kCpu ? "cpu" : "cuda";
}

std::string write_device(const DeviceChoice& choice) {
  return device_kind(choice) + (choice.ordinal > 0 ? ":" + std::to_string(choice.ordinal) : "");
}

}  // namespace headwise
