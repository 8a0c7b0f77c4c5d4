// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "common/program.h"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <new>
#include <vector>

#include "common/diagnostics.h"
#include "common/settings_file.h"
#include "common/value_checks.h"
#include "headwise/error.h"

namespace headwise {

int usage_error(std::string_view verb, const std::string& message, const std::string& advice) {
  const std::string command = verb.empty() ? "headwise --help" : "headwise " + std::string(verb) + " --help";
  return report_error(verb, Error(ErrorCode::kUsage, message), advice + "see '" + command + "'");
}

namespace {

// "Could not convert: --seed = abc" in the words of value_checks.h.
std::string plain_words(const std::string& message) {
  // "--query: At Most 1 required but received 2".
  constexpr std::string_view kTooMany = ": At Most 1 required but received ";
  if (const size_t many = message.find(kTooMany); many != std::string::npos) {
    return message.substr(0, many) + ": expected once, found " + message.substr(many + kTooMany.size()) +
           " times";
  }
  constexpr std::string_view kStart = "Could not convert: ", kBetween = " = ";
  const size_t between = message.find(kBetween);
  if (!message.starts_with(kStart) || between == std::string::npos) return message;
  return message.substr(kStart.size(), between - kStart.size()) + ": " +
         wrong_text("a number", message.substr(between + kBetween.size()));
}

std::vector<std::string>& typed_words() {
  static std::vector<std::string> words;
  return words;
}

// " (from HEADWISE_TOP_K)" where the flag that a message begins with was given by that variable; nothing
// where it was given on the command line.
std::string origin_of(const std::string& message, std::span<char* const> words) {
  const size_t end = message.find_first_of(":= ");
  if (!message.starts_with("--") || end == std::string::npos) return {};
  const std::string flag = message.substr(0, end);
  bool settings = std::getenv("HEADWISE_CONFIG") != nullptr;
  for (const std::string_view word : words) {
    if (word == flag || word.starts_with(flag + "=")) return {};
    settings = settings || word.starts_with("--config");
  }
  const std::string variable = environment_name(flag.substr(2));
  const char* value = std::getenv(variable.c_str());
  if (value != nullptr && *value != '\0') return " (from " + variable + ")";
  return settings ? " (from the settings file)" : "";  // or a word that needs no flag in front
}

}  // namespace

void keep_typed_words(std::span<char* const> words) { typed_words().assign(words.begin(), words.end()); }

bool is_typed(std::string_view flag) {
  return std::any_of(typed_words().begin(), typed_words().end(), [flag](std::string_view word) {
    return word == flag || (word.starts_with(flag) && word.substr(flag.size()).starts_with('='));
  });
}

int report_parse_end(const CLI::App& root, std::string_view verb, const CLI::ParseError& end,
                     std::span<char* const> words) {
  if (dynamic_cast<const CLI::Success*>(&end) != nullptr) return root.exit(end);
  if (dynamic_cast<const CLI::FileError*>(&end) != nullptr) {
    const std::string what = end.what();
    const std::string file = what.substr(0, what.find(" was not readable"));
    return report_error(verb, Error(ErrorCode::kNotFound, "--config: cannot read '" + file +
                                                              "': expected a file of settings such as "
                                                              "top-k = 3"));
  }
  const std::string message = plain_words(end.what());
  const bool of_a_value = dynamic_cast<const CLI::ValidationError*>(&end) != nullptr ||
                          dynamic_cast<const CLI::ConversionError*>(&end) != nullptr;
  return usage_error(verb, message + (of_a_value ? origin_of(message, words) : ""));
}

int run_program(std::string_view verb, std::string_view memory_hint, const std::function<int()>& run) {
  // A write past the file size limit becomes an error like a full disk, not a death.
  std::signal(SIGXFSZ, SIG_IGN);
  try {
    return run();
  } catch (const std::bad_alloc&) {
    return report_error(verb, Error(ErrorCode::kResourceLimit, "memory ran out"), memory_hint);
  } catch (const std::exception& error) {
    return report_error(verb, Error(ErrorCode::kInternal, std::string("internal error: ") + error.what()));
  }
}

}  // namespace headwise
