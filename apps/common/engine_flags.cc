// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "common/engine_flags.h"

#include <string>

#include "base/check.h"
#include "engine/options.h"

namespace headwise {
namespace {

// A value from the command line, a variable or a settings file.
void put_value(const Option& option, const std::string& text, EngineSettings& settings) {
  const Status put = set_option(settings, option.name, text);
  if (!put) throw CLI::ValidationError(put.error().message());
}

std::string type_text(const OptionValue& value) {
  if (value.kind != OptionKind::kWord) return value.type;
  std::string words;
  for (const std::string& word : value.words()) words += (words.empty() ? "{" : ",") + word;
  return words + "}";
}

}  // namespace

CLI::Option* add_option_flag(CLI::App& verb, EngineSettings& settings, std::string_view name, FlagLook look) {
  const Option* option = find_option(name);
  HW_CHECK(option != nullptr);
  const std::string flag = "--" + std::string(name);
  if (option->value.kind == OptionKind::kFlag) {
    // False is every flag's default, so only true is handed on.
    const auto put = [&settings, option] { put_value(*option, "true", settings); };
    return verb.add_flag_callback(flag, put, look.help)->group(look.group);
  }
  const std::string own_default = option_text(settings, name);
  const auto put = [&settings, option](const std::string& text) { put_value(*option, text, settings); };
  CLI::Option* made = verb.add_option_function<std::string>(flag, put, look.help)->group(look.group);
  made->type_name(type_text(option->value));
  if (look.default_shown) made->default_str(own_default.empty() ? option->fallback : own_default);
  return made;
}

void add_score_flags(CLI::App& verb, EngineSettings& settings, const char* group) {
  for (const char* name : {"score", "min-score"}) {
    add_option_flag(verb, settings, name, {.group = group, .help = find_option(name)->help});
  }
}

void add_engine_flags(CLI::App& verb, EngineSettings& settings) {
  for (const Option& option : options()) {
    if (option.group != nullptr)
      add_option_flag(verb, settings, option.name, {.group = option.group, .help = option.help});
  }
}

}  // namespace headwise
