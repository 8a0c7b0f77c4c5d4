// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Completions for bash, zsh and fish: verbs, flags, the words of flags that have a few; files for the rest.
#include <map>

#include "described_program.h"

namespace headwise {
namespace {

constexpr const char* kHead =
    "# SPDX-License-Identifier: Apache-2.0\n# SPDX-FileCopyrightText: headwise contributors\n"
    "# Made by `headwise describe`.\n";

std::string in_one_line(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

// In single quotes, which shells read to the letter.
std::string in_single_quotes(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

// The first words of verbs, and the second ones of each group, with what they are for.
struct NextWord {
  std::string word, purpose;
};
std::map<std::string, std::vector<NextWord>> next_words(const std::vector<DescribedVerb>& program) {
  std::map<std::string, std::vector<NextWord>> next;
  for (const DescribedVerb& verb : program) {
    if (verb.name.empty()) continue;
    const size_t space = verb.name.find(' ');
    const std::string first = verb.name.substr(0, space);
    std::vector<NextWord>& firsts = next[""];
    if (firsts.empty() || firsts.back().word != first) {
      firsts.push_back({first, space == std::string::npos ? verb.purpose : first + " ..."});
    }
    if (space != std::string::npos) next[first].push_back({verb.name.substr(space + 1), verb.purpose});
  }
  return next;
}

std::string flag_words(const DescribedVerb& verb) {
  std::vector<std::string> words;
  for (const DescribedFlag& flag : verb.flags) words.push_back(flag.name);
  return in_one_line(words);
}

std::string groups_pattern(const std::map<std::string, std::vector<NextWord>>& next) {
  std::string groups;
  for (const auto& [group, words] : next) {
    if (!group.empty()) groups += (groups.empty() ? "" : "|") + group;
  }
  return groups;
}

// The verb among the words before the cursor, in bash and zsh alike: the first that is no flag (and no value
// of --config), and the one behind it where that is a group.
std::string find_verb(const std::string& words, const std::string& groups) {
  return "  local verb='' word skip=''\n  for word in " + words +
         "; do\n"
         "    if [[ -n $skip ]]; then skip=''; continue; fi\n"
         "    if [[ $word == --config ]]; then skip=1; continue; fi\n"
         "    [[ $word == -* ]] && { [[ -n $verb ]] && break; continue; }\n"
         "    if [[ -z $verb ]]; then verb=$word; else verb=\"$verb $word\"; fi\n"
         "    case $verb in " +
         groups + ") ;; *) break ;; esac\n  done\n";
}

// fish: whether the words so far name the verb.
std::string fish_condition(const std::string& verb) {
  if (verb.empty()) return "__headwise_verb_is";
  return "__headwise_verb_is " + verb;
}

std::string zsh_text(const std::string& help) {
  std::string text;
  for (const char c : help) {
    if (c == '[' || c == ']' || c == ':' || c == '\\') text += '\\';
    text += c;
  }
  return text;
}

}  // namespace

std::string bash_completion(const std::vector<DescribedVerb>& program) {
  const auto next = next_words(program);
  std::string text = std::string(kHead) +
                     "_headwise() {\n"
                     "  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} words=''\n"
                     "  # bash cuts --flag=value at the sign.\n"
                     "  if [[ $prev == = ]]; then prev=${COMP_WORDS[COMP_CWORD-2]}; fi\n"
                     "  if [[ $cur == = ]]; then cur=''; fi\n" +
                     find_verb("\"${COMP_WORDS[@]:1:COMP_CWORD-1}\"", groups_pattern(next)) +
                     "  case \"$verb $prev\" in\n";
  for (const DescribedVerb& verb : program) {
    std::string files;
    for (const DescribedFlag& flag : verb.flags) {
      if (!flag.takes_value) continue;
      const std::string pattern = "\"" + verb.name + " " + flag.name + "\"";
      if (flag.words.empty()) {
        files += (files.empty() ? "" : "|") + pattern;
        if (!flag.letter.empty()) files += "|\"" + verb.name + " " + flag.letter + "\"";
      } else {
        text += "    " + pattern + ") words=" + in_single_quotes(in_one_line(flag.words)) + " ;;\n";
      }
    }
    if (!files.empty()) {
      text += "    " + files +
              ")\n      compopt -o filenames 2>/dev/null\n"
              "      mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n      return ;;\n";
    }
  }
  text += "    *) case $verb in\n";
  for (const DescribedVerb& verb : program) {
    std::string words = flag_words(verb);
    if (verb.name.empty()) {
      for (const NextWord& word : next.at("")) words += " " + word.word;
    }
    text += "      " + in_single_quotes(verb.name) + ") words=" + in_single_quotes(words) + " ;;\n";
  }
  for (const auto& [group, seconds] : next) {
    if (group.empty()) continue;
    std::string words;
    for (const NextWord& word : seconds) words += (words.empty() ? "" : " ") + word.word;
    text += "      " + in_single_quotes(group) + ") words=" + in_single_quotes(words) + " ;;\n";
  }
  return text +
         "    esac ;;\n  esac\n  mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n}\n"
         "complete -F _headwise headwise\n";
}

std::string zsh_completion(const std::vector<DescribedVerb>& program) {
  const auto next = next_words(program);
  std::string text = "#compdef headwise\n" + std::string(kHead) + "_headwise() {\n" +
                     find_verb("\"${(@)words[2,CURRENT-1]}\"", groups_pattern(next)) + "  case $verb in\n";
  for (const auto& [group, seconds] : next) {
    text += "    " + in_single_quotes(group) + ")\n      local -a verbs=(\n";
    for (const NextWord& word : seconds)
      text += "        " + in_single_quotes(word.word + ":" + zsh_text(word.purpose)) + "\n";
    text += "      )\n      _describe -t verbs verb verbs" + std::string(group.empty() ? "\n" : " ;;\n");
    if (!group.empty()) continue;
    text += "      _arguments -S";
    for (const DescribedFlag& flag : program.front().flags)
      text += " " + in_single_quotes(flag.name + "[" + zsh_text(flag.help) + "]");
    text += " ;;\n";
  }
  for (const DescribedVerb& verb : program) {
    if (verb.name.empty()) continue;
    text += "    " + in_single_quotes(verb.name) + ")\n      _arguments -S '*:file:_files'";
    for (const DescribedFlag& flag : verb.flags) {
      std::string spec = "*" + flag.name + (flag.takes_value ? "=" : "") + "[" + zsh_text(flag.help) + "]";
      if (flag.takes_value) {
        spec +=
            ":value:" + (flag.words.empty() ? std::string("_files") : "(" + in_one_line(flag.words) + ")");
      }
      text += " \\\n        " + in_single_quotes(spec);
    }
    text += " ;;\n";
  }
  return text + "  esac\n}\n_headwise \"$@\"\n";
}

std::string fish_completion(const std::vector<DescribedVerb>& program) {
  const auto next = next_words(program);
  std::string text = std::string(kHead) +
                     "function __headwise_verb_is\n"
                     "  set -l verb\n"
                     "  for word in (commandline -opc)[2..]\n"
                     "    if string match -q -- '-*' $word\n"
                     "      test (count $verb) -gt 0; and break\n"
                     "      continue\n"
                     "    end\n"
                     "    set -a verb $word\n"
                     "    contains -- \"$verb\"";
  for (const auto& [group, words] : next) {
    if (!group.empty()) text += " " + group;
  }
  text += "; or break\n  end\n  test \"$verb\" = \"$argv\"\nend\n";
  for (const auto& [group, words] : next) {
    for (const NextWord& word : words) {
      text += "complete -c headwise -f -n " + in_single_quotes(fish_condition(group)) + " -a " +
              in_single_quotes(word.word) + " -d " + in_single_quotes(word.purpose) + "\n";
    }
  }
  for (const DescribedVerb& verb : program) {
    for (const DescribedFlag& flag : verb.flags) {
      text += "complete -c headwise -n " + in_single_quotes(fish_condition(verb.name)) + " -l " +
              flag.name.substr(2);
      if (!flag.letter.empty()) text += " -s " + flag.letter.substr(1);
      if (flag.takes_value)
        text += flag.words.empty() ? " -r" : " -x -a " + in_single_quotes(in_one_line(flag.words));
      text += " -d " + in_single_quotes(flag.help) + "\n";
    }
  }
  return text;
}

}  // namespace headwise
