// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the table of verbs, and what happens around each: parsing, help, bad usage, errors, exit
// status. What a verb does is in apps/NAME.cc.
#include <array>
#include <csignal>
#include <cstdio>
#include <exception>
#include <iostream>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "common/app.h"
#include "common/diagnostics.h"
#include "common/help.h"
#include "common/settings.h"

namespace headwise {
namespace {

struct Verb {
  const char* name;
  const char* purpose;  // one line
  const char* example;  // a command that works on a fresh set-up, run by tests/cli
  Action (*add)(CLI::App& verb, AppContext& context);
};

constexpr std::array kVerbs{
    Verb{"rerank", "Order passages for a query by the attention a language model pays them",
         "printf 'The Moon circles the Earth.\\nEmma is a novel by Jane Austen.\\n' | headwise rerank "
         "--query 'who wrote Emma?' --documents -",
         add_rerank},
    Verb{"eval", "Measures of runs against relevance judgements, as trec_eval computes them",
         "headwise eval --qrels qrels.tsv --run bm25.trec --run reranked.trec -m ndcg@10,map", add_eval},
    Verb{"inspect", "What a model file holds, what it costs in memory, which features it needs",
         "headwise inspect --json", add_inspect},
    Verb{"tokenize", "Token ids of each line of standard input", "echo 'who wrote Emma?' | headwise tokenize",
         add_tokenize},
    Verb{"bench", "Prefill and re-ranking speed with the machine's bounds beside it",
         "headwise bench --repeat 1 --passages 4", add_bench},
};

int usage_error(std::string_view verb, const std::string& message, const std::string& hint) {
  const std::string command = verb.empty() ? "headwise --help" : "headwise " + std::string(verb) + " --help";
  return report_error(verb, Error(ErrorCode::kUsage, message), hint + "see '" + command + "'");
}

std::vector<std::string> flag_names(const CLI::App& verb) {
  std::vector<std::string> names;
  for (const CLI::Option* option : verb.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

int report_extra_words(const CLI::App& root, const CLI::App* verb) {
  const std::vector<std::string> extra = root.remaining(true);
  const std::string word = extra.empty() ? std::string() : extra.front().substr(0, extra.front().find('='));
  const bool flag = word.starts_with("-");
  std::vector<std::string> known;
  if (verb == nullptr && !flag) {
    for (const Verb& row : kVerbs) known.push_back(row.name);
  } else if (flag) {
    known = flag_names(verb == nullptr ? root : *verb);
  }
  const std::string nearest = nearest_word(word, known);
  const std::string what = flag ? "unknown flag '" : verb == nullptr ? "unknown verb '" : "unexpected word '";
  return usage_error(verb == nullptr ? "" : verb->get_name(), what + word + "'",
                     nearest.empty() ? "" : "did you mean '" + nearest + "'? ");
}

int run(int argc, char** argv) {
  AppContext context;
  CLI::App root("headwise: re-rank passages by reading the attention heads of a language model");
  root.name("headwise");
  root.set_version_flag("--version", std::string("headwise ") + HEADWISE_VERSION, "Print the version");
  bind_settings_file(root);
  root.formatter(std::make_shared<HelpFormat>());
  std::vector<std::pair<CLI::App*, Action>> actions;
  for (const Verb& row : kVerbs) {
    CLI::App* verb = root.add_subcommand(row.name, row.purpose);
    verb->fallthrough();  // --config and --version are read after the verb too
    actions.emplace_back(verb, row.add(*verb, context));
    verb->add_flag("--quiet", context.quiet, "No progress and no notes on stderr; errors still appear")
        ->group("Everywhere");
    verb->footer(help_footer(row.example));
    bind_environment(*verb);
  }
  root.footer("A verb's own help: headwise VERB --help");

  const CLI::App* chosen = nullptr;
  const auto chosen_name = [&]() {
    chosen = root.get_subcommands().empty() ? nullptr : root.get_subcommands().front();
    return chosen == nullptr ? std::string() : chosen->get_name();
  };
  try {
    root.parse(argc, argv);
  } catch (const CLI::Success& success) {  // --help, --version
    return root.exit(success);
  } catch (const CLI::ExtrasError&) {
    chosen_name();
    return report_extra_words(root, chosen);
  } catch (const CLI::FileError& error) {
    return report_error(chosen_name(), Error(ErrorCode::kNotFound, std::string("--config: ") + error.what()));
  } catch (const CLI::ParseError& error) {
    return usage_error(chosen_name(), error.what(), "");
  }
  context.verb = chosen_name();
  if (chosen == nullptr) {
    std::cerr << root.help();
    return usage_error("", "no verb was given", "");
  }
  for (const auto& [verb, action] : actions) {
    if (verb != chosen) continue;
    const Status done = action();
    return done ? 0 : report_error(context.verb, done.error());
  }
  return exit_status(ErrorCode::kInternal);
}

}  // namespace
}  // namespace headwise

int main(int argc, char** argv) {
  using headwise::Error;
  using headwise::ErrorCode;
  // A write past the file size limit becomes an error like a full disk, not a death.
  std::signal(SIGXFSZ, SIG_IGN);
  // The library does not throw on input; what arrives here is memory that ran out, or a bug.
  try {
    return headwise::run(argc, argv);
  } catch (const std::bad_alloc&) {
    return headwise::report_error("", Error(ErrorCode::kResourceLimit, "memory ran out"),
                                  "fewer or shorter passages (--max-words), or --weights stored, need less");
  } catch (const std::exception& error) {
    return headwise::report_error(
        "", Error(ErrorCode::kInternal, std::string("internal error: ") + error.what()));
  }
}
