// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The verb `describe`, which --help does not list: the man page and the completions of this very binary. The
// build runs it and `cmake --install` lays its files down.
#include <array>
#include <memory>

#include "base/check.h"
#include "base/file.h"
#include "common/app.h"
#include "common/output.h"
#include "common/value_checks.h"
#include "described_program.h"

namespace headwise {
namespace {

struct DescribeFlags {
  std::string what;
  std::string folder;
};

struct Printed {
  const char* what;
  const char* file;
  std::string (*write)(const std::vector<DescribedVerb>& program);
};
constexpr std::array<Printed, 4> kPrinted{{
    {"man", "headwise.1",
     [](const std::vector<DescribedVerb>& program) { return man_page(program, HEADWISE_VERSION); }},
    {"bash", "headwise.bash", bash_completion},
    {"zsh", "_headwise", zsh_completion},
    {"fish", "headwise.fish", fish_completion},
}};

// "{list,blocks}" to its words.
std::vector<std::string> words_in(const std::string& type) {
  std::vector<std::string> words;
  const size_t open = type.find('{'), close = type.rfind('}');
  if (open == std::string::npos || close == std::string::npos) return words;
  for (size_t begin = open + 1; begin <= close;) {
    const size_t end = std::min(type.find(',', begin), close);
    if (end > begin) words.push_back(type.substr(begin, end - begin));
    begin = end + 1;
  }
  return words;
}

DescribedFlag describe_flag(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  DescribedFlag flag{.name = "--" + option.get_lnames().front(),
                     .letter = option.get_snames().empty() ? "" : "-" + option.get_snames().front(),
                     .takes_value = option.get_items_expected_max() != 0,
                     .value = {},
                     .words = words_in(type),
                     .fallback = option.get_default_str(),
                     .help = option.get_description(),
                     .group = option.get_group()};
  if (flag.takes_value) flag.value = flag.words.empty() ? type.substr(0, type.find(':')) : "WORD";
  return flag;
}

void describe_verbs(const CLI::App& at, const std::string& name, std::vector<DescribedVerb>& verbs) {
  const std::string footer = at.get_footer();
  const std::string start = "Example:\n  ";
  const size_t example = footer.find(start);
  DescribedVerb verb{.name = name, .purpose = at.get_description(), .example = {}, .flags = {}};
  if (example != std::string::npos) {
    const size_t begin = example + start.size();
    verb.example = footer.substr(begin, footer.find("\n\n", begin) - begin);
  }
  for (const CLI::Option* option : at.get_options()) {
    if (!option->get_lnames().empty() && !option->get_group().empty())
      verb.flags.push_back(describe_flag(*option));
  }
  const auto below = at.get_subcommands([](const CLI::App*) { return true; });
  if (name.empty() || below.empty()) verbs.push_back(std::move(verb));
  for (const CLI::App* next : below) {
    if (!next->get_group().empty())
      describe_verbs(*next, name + (name.empty() ? "" : " ") + next->get_name(), verbs);
  }
}

}  // namespace

std::vector<DescribedVerb> describe_program(const CLI::App& root) {
  std::vector<DescribedVerb> verbs;
  describe_verbs(root, "", verbs);
  return verbs;
}

Action add_describe(CLI::App& verb, AppContext&) {
  auto flags = std::make_shared<DescribeFlags>();
  std::vector<std::string> kinds;
  for (const Printed& printed : kPrinted) kinds.emplace_back(printed.what);
  verb.add_option("what", flags->what, "Printed: the man page, or the completions of a shell")
      ->check(one_of(kinds));
  verb.add_option("--folder", flags->folder, "Writes all of them there");
  return [flags, &verb]() -> Status {
    const std::vector<DescribedVerb> program = describe_program(*verb.get_parent());
    for (const Printed& printed : kPrinted) {
      if (!flags->folder.empty()) {
        HW_RETURN_IF_ERROR(write_file_atomically(std::filesystem::path(flags->folder) / printed.file,
                                                 printed.write(program)));
      } else if (flags->what == printed.what) {
        return write_stdout(printed.write(program));
      }
    }
    if (!flags->folder.empty()) return {};
    return fail(ErrorCode::kUsage, "expected man, bash, zsh or fish, or --folder FOLDER");
  };
}

}  // namespace headwise
