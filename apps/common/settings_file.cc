// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Why not CLI11's own TOML reader: it cuts strings at '#' and ',' ("13-18,14-2" becomes two values) and
// cannot say which line is wrong.
#include "common/settings_file.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>
#include <iterator>
#include <memory>
#include <string_view>

#include "base/check.h"
#include "common/diagnostics.h"
#include "common/help.h"
#include "headwise/home.h"

namespace headwise {
namespace {

std::string_view trim(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r";
  const size_t begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

// The front of `text` up to the end of its line, and takes both off.
std::string_view take_line(std::string_view& text) {
  const size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
  return line;
}

tl::unexpected<Error> bad_line(int line, std::string_view what) {
  return fail(ErrorCode::kInvalidInput,
              "line " + std::to_string(line) + ": " + std::string(what) +
                  "; expected [section], name = \"text\", name = 12, name = true or name = [..]");
}

bool is_bare(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' || c == '.' || c == '+';
}

// Reads one scalar at the front of `rest` and takes it off.
Result<std::string> take_scalar(std::string_view& rest, int line) {
  rest = trim(rest);
  if (rest.empty() || rest.front() == '\n') return bad_line(line, "a value is missing");
  std::string value;
  const char quote = rest.front();
  if (quote == '"' || quote == '\'') {
    size_t i = 1;
    for (; i < rest.size() && rest[i] != quote && rest[i] != '\n'; ++i) {
      if (quote == '"' && rest[i] == '\\') {
        if (++i == rest.size()) break;
        constexpr std::string_view kFrom = "nt\"\\", kTo = "\n\t\"\\";
        const size_t at = kFrom.find(rest[i]);
        if (at == std::string_view::npos) return bad_line(line, "an unknown escape in a string");
        value += kTo[at];
      } else {
        value += rest[i];
      }
    }
    if (i >= rest.size() || rest[i] != quote) return bad_line(line, "a string is not closed");
    rest.remove_prefix(i + 1);
    return value;
  }
  size_t end = 0;
  while (end < rest.size() && is_bare(rest[end])) ++end;
  value = std::string(rest.substr(0, end));
  rest.remove_prefix(end);
  const bool number = !value.empty() && value.find_first_not_of("0123456789+-.eE_") == std::string::npos;
  if (!number && value != "true" && value != "false") return bad_line(line, "text must stand in quotes");
  std::erase(value, '_');
  return value;
}

Status end_of_value(std::string_view rest, int line) {
  rest = trim(rest);
  if (!rest.empty() && rest.front() != '#') return bad_line(line, "something follows the value");
  return {};
}

// What stands before the next element of an array: blanks, comments and ends of lines, which are counted.
void skip_to_element(std::string_view& rest, int& line) {
  rest = trim(rest);
  while (!rest.empty() && (rest.front() == '#' || rest.front() == '\n')) {
    const size_t end = rest.find('\n');
    if (end == std::string_view::npos) {
      rest = {};
      return;
    }
    ++line;
    rest = trim(rest.substr(end + 1));
  }
}

// The elements up to the closing bracket, which may stand lines below; takes them off the front of `rest`.
Result<std::vector<std::string>> take_array(std::string_view& rest, int& line) {
  const int begin = line;
  std::vector<std::string> values;
  rest.remove_prefix(1);
  for (skip_to_element(rest, line); rest.empty() || rest.front() != ']'; skip_to_element(rest, line)) {
    if (rest.empty()) return bad_line(begin, "an array is not closed");
    auto value = take_scalar(rest, line);
    if (!value) return fail(std::move(value.error()));
    values.push_back(std::move(*value));
    skip_to_element(rest, line);
    if (!rest.empty() && rest.front() == ',') {
      rest.remove_prefix(1);
    } else if (rest.empty() || rest.front() != ']') {
      return bad_line(rest.empty() ? begin : line, "an array is not closed");
    }
  }
  rest.remove_prefix(1);
  return values;
}

// Takes a value and what is left of its last line off the front of `rest`; `line` is the number of that line.
Result<std::vector<std::string>> take_value(std::string_view& rest, int& line) {
  std::vector<std::string> values;
  rest = trim(rest);
  if (!rest.empty() && rest.front() == '[') {
    auto array = take_array(rest, line);
    if (!array) return fail(std::move(array.error()));
    values = std::move(*array);
  } else {
    auto value = take_scalar(rest, line);
    if (!value) return fail(std::move(value.error()));
    values.push_back(std::move(*value));
  }
  HW_RETURN_IF_ERROR(end_of_value(take_line(rest), line));
  return values;
}

// Feeds our own reader to CLI11, and sends a line above the first section to the verb that was chosen.
class SettingsFormat : public CLI::Config {
 public:
  explicit SettingsFormat(const CLI::App& root) : root_(root) {}

  std::string to_config(const CLI::App*, bool, bool, std::string) const override { return {}; }

  std::vector<CLI::ConfigItem> from_config(std::istream& input) const override {
    const std::string text((std::istreambuf_iterator<char>(input)), std::istreambuf_iterator<char>());
    auto settings = parse_settings(text);
    if (!settings) throw CLI::ConfigError("--config: " + settings.error().message());
    std::vector<CLI::ConfigItem> found;
    for (const Setting& setting : *settings) {
      const CLI::App* verb = check(setting);
      if (verb == nullptr) continue;
      // The environment wins over the file; CLI11 would have it the other way round.
      const char* variable = std::getenv(environment_name(setting.name).c_str());
      if (variable != nullptr && *variable != '\0') continue;
      CLI::ConfigItem item;
      item.parents = {verb->get_name()};
      item.name = setting.name;
      item.inputs = setting.values;
      found.push_back(std::move(item));
    }
    return found;
  }

 private:
  // The chosen verb when the setting is for it, nothing when it is for another; throws when it is for none.
  const CLI::App* check(const Setting& setting) const {
    const auto verbs = root_.get_subcommands([](const CLI::App*) { return true; });
    const CLI::App* chosen = root_.get_subcommands().empty() ? nullptr : root_.get_subcommands().front();
    const std::string where = "--config: line " + std::to_string(setting.line) + ": ";
    bool section_known = setting.section.empty(), name_known = false, for_chosen = false;
    std::vector<std::string> sections, names;
    for (const CLI::App* verb : verbs) {
      sections.push_back(verb->get_name());
      if (!setting.section.empty() && verb->get_name() != setting.section) continue;
      section_known = true;
      for (const CLI::Option* option : verb->get_options()) {
        for (const std::string& name : option->get_lnames()) names.push_back(name);
      }
      if (verb->get_option_no_throw("--" + setting.name) == nullptr) continue;
      name_known = true;
      for_chosen = for_chosen || verb == chosen;
    }
    if (!section_known) {
      throw CLI::ConfigError(where + "no verb '" + setting.section + "'" +
                             did_you_mean(setting.section, sections, ""));
    }
    if (!name_known) {
      throw CLI::ConfigError(where + "no flag '--" + setting.name + "'" +
                             (setting.section.empty() ? "" : " of '" + setting.section + "'") +
                             did_you_mean(setting.name, names, "--"));
    }
    return for_chosen ? chosen : nullptr;
  }

  static std::string did_you_mean(const std::string& word, const std::vector<std::string>& names,
                                  const std::string& prefix) {
    const std::string nearest = nearest_word(word, names);
    return nearest.empty() ? "" : "; did you mean '" + prefix + nearest + "'?";
  }

  const CLI::App& root_;
};

}  // namespace

Result<std::vector<Setting>> parse_settings(std::string_view text) {
  std::vector<Setting> settings;
  std::string section;
  int line_number = 0;
  while (!text.empty()) {
    ++line_number;
    std::string_view rest = text;
    const std::string_view line = trim(take_line(text));
    if (line.empty() || line.front() == '#') continue;
    if (line.front() == '[') {
      const size_t close = line.find(']');
      if (close == std::string_view::npos) return bad_line(line_number, "a section is not closed");
      HW_RETURN_IF_ERROR(end_of_value(line.substr(close + 1), line_number));
      section = std::string(trim(line.substr(1, close - 1)));
      continue;
    }
    const size_t equals = line.find('=');
    if (equals == std::string_view::npos) return bad_line(line_number, "no '='");
    Setting setting;
    setting.section = section;
    setting.line = line_number;
    setting.name = std::string(trim(line.substr(0, equals)));
    // TOML's own habit is an underscore; flags have dashes. Both are read.
    std::replace(setting.name.begin(), setting.name.end(), '_', '-');
    rest.remove_prefix(rest.find('=') + 1);
    auto values = take_value(rest, line_number);
    if (!values) return fail(std::move(values.error()));
    setting.values = std::move(*values);
    text = rest;
    settings.push_back(std::move(setting));
  }
  return settings;
}

std::string environment_name(std::string_view flag) {
  std::string name = "HEADWISE_";
  for (const char c : flag) {
    name += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return name;
}

void bind_environment(CLI::App& verb) {
  verb.preparse_callback([&verb](size_t) {
    for (CLI::Option* option : verb.get_options()) {
      const auto& names = option->get_lnames();
      if (!names.empty() && option->get_configurable()) option->envname(environment_name(names.front()));
    }
  });
}

void bind_settings_file(CLI::App& root) {
  root.config_formatter(std::make_shared<SettingsFormat>(root));
  // CLI11 opens the file before it looks at variables, so this one variable is read here. A file that it
  // names must be there, as one on the command line must.
  const char* variable = std::getenv("HEADWISE_CONFIG");
  const std::string named = variable == nullptr ? "" : variable;
  root.set_config("--config", named, "Read flags from FILE.toml", !named.empty())->type_name("FILE");
}

namespace {

// Flags that take words for the model and no name of a file.
constexpr std::array<std::string_view, 2> kTexts{"query", "instruction"};

// A shell expands "~/notes" as a word of its own alone: not in `--corpus=~/notes`, not in a variable that a
// service's file sets, not in a settings file. What is given empty was meant to be something: a variable that
// is not set, mostly.
void complete_values(CLI::App& verb) {
  for (CLI::Option* option : verb.get_options()) {
    if (option->get_items_expected_max() == 0) continue;
    if (std::find(kTexts.begin(), kTexts.end(), option->get_single_name()) != kTexts.end()) continue;
    const auto complete = [](std::string& value) {
      if (value.empty()) return "expected a value; found none: leave it out where nothing is meant";
      if (value.starts_with('~') || value.starts_with("$HOME") || value.starts_with("${HOME}"))
        value = with_home(value).string();
      return "";
    };
    option->transform(CLI::Validator(complete, "", "value"));
  }
}

}  // namespace

void complete_verb(CLI::App& verb, bool& quiet, const std::string& example) {
  verb.fallthrough();
  verb.add_flag("--quiet", quiet, "No progress and no notes on stderr; errors still appear")
      ->group("Everywhere");
  verb.footer(help_footer(example));
  bind_environment(verb);
  complete_values(verb);
}

}  // namespace headwise
