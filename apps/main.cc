// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the table of verbs, and what happens around each: parsing, help, bad usage, errors, exit
// status. What a verb does is in apps/NAME.cc.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "common/app.h"
#include "common/diagnostics.h"
#include "common/help.h"
#include "common/licences.h"
#include "common/program.h"
#include "common/settings_file.h"

namespace headwise {
namespace {

// Verbs of two words: the first is a group.
struct VerbGroup {
  const char* name;
  const char* purpose;
};

constexpr std::array kGroups{
    VerbGroup{"heads", "Head scores of a data set, and the heads found in them"},
    VerbGroup{"passages", "Kept passages in a folder or behind a key-value server: build, look after"},
    VerbGroup{"route", "Heads chosen for each query: labels, a router, what it brings"},
};

struct Verb {
  const char* name;     // "rerank", "heads score"
  const char* purpose;  // one line
  const char* example;  // a command that works on a fresh set-up, run by tests/cli
  Action (*add)(CLI::App& verb, AppContext& context);
};

constexpr const char* kDescribe = "describe";  // for packagers: --help does not list it

constexpr std::array kVerbs{
    Verb{"rerank", "Order passages for a query by the attention a language model pays them",
         "printf 'The Moon circles the Earth.\\nEmma is a novel by Jane Austen.\\n' | headwise rerank "
         "--query 'who wrote Emma?' --documents -",
         add_rerank},
    Verb{"search", "From a question to answers: BM25 over a collection, then the engine orders the best",
         "printf 'The Moon circles the Earth.\\nEmma is a novel by Jane Austen.\\n' > facts.txt; headwise "
         "search --corpus facts.txt --query 'who wrote Emma?'",
         add_search},
    Verb{"explain", "Which tokens of which passage the read heads look at",
         "printf 'The Moon circles the Earth.\\nEmma is a novel by Jane Austen.\\n' | headwise explain "
         "--query 'who wrote Emma?' --documents - --report emma.html",
         add_explain},
    Verb{"eval", "Measures of runs against relevance judgements, as trec_eval computes them",
         "headwise eval --qrels qrels.tsv --run bm25.trec --run reranked.trec -m ndcg@10,map", add_eval},
    Verb{"heads score", "Write what every head pays to every candidate of a data set: a head-score store",
         "headwise heads score --dataset nfcorpus --run run.bm25.trec --depth 20 --output stores/nfcorpus",
         add_heads_score},
    Verb{"heads select", "Find the heads worth reading in head-score stores",
         "headwise heads select --store stores/nfcorpus --qrels nfcorpus/qrels/train.tsv --method qr "
         "--output heads.json",
         add_heads_select},
    Verb{"heads sample", "Judged requests of random size, which relevance is fitted to",
         "headwise heads sample --dataset nfcorpus --run run.bm25.trec --qrels nfcorpus/qrels/train.tsv "
         "--depth 8 "
         "--output nfcorpus.samples.jsonl",
         add_heads_sample},
    Verb{"heads calibrate", "Fit relevance, 0 to 1, for a head set, and say how far it is to be trusted",
         "headwise heads calibrate --samples nfcorpus.samples.jsonl --heads smollm2-135m-instruct --output "
         "heads.json --report relevance.html",
         add_heads_calibrate},
    Verb{"heads sensitivity", "What each layer of kept passages is worth: a budget file for --keep-budget",
         "headwise heads sensitivity --dataset nfcorpus --run run.bm25.trec --depth 20 --output budget.json "
         "--report budget.html",
         add_heads_sensitivity},
    Verb{"heads show", "Draw a model's heads and layers, compare head sets, list the published ones",
         "headwise heads show --heads qrhead/llama-3.1-8b --heads core/llama-3.1-8b", add_heads_show},
    Verb{"route label", "Pseudo labels for a router: the heads that rank each training query best",
         "headwise route label --store stores/nfcorpus --qrels nfcorpus/qrels/train.tsv --output labels.json",
         add_route_label},
    Verb{"route train", "Train a router that picks heads from the query's text",
         "headwise route train --labels labels.json --store stores/nfcorpus --qrels nfcorpus/qrels/train.tsv "
         "--output router.safetensors",
         add_route_train},
    Verb{"route report", "What a router brings on queries it never saw, beside every control",
         "headwise route report --router router.safetensors --store stores/scifact --qrels "
         "scifact/qrels/test.tsv "
         "--report routing.html",
         add_route_report},
    Verb{"passages build", "Encode a collection ahead, so that requests run the question alone",
         "printf 'The Moon circles the Earth.\\nEmma is a novel by Jane Austen.\\n' > facts.txt; headwise "
         "passages build --corpus facts.txt --keep kept",
         add_passages_build},
    Verb{"passages info", "Whose passages a store keeps, how many, and what they take",
         "headwise passages info --keep kept", add_passages_info},
    Verb{"passages verify", "Compare every byte of every kept passage with its checksum",
         "headwise passages verify --keep kept", add_passages_verify},
    Verb{"passages compact", "Give back the bytes of passages that were replaced or dropped",
         "headwise passages compact --keep kept", add_passages_compact},
    Verb{"passages drop", "Remove a store and all that is in it", "headwise passages drop --keep kept --yes",
         add_passages_drop},
    Verb{"serve", "HTTP server: the rerank interfaces of Cohere, Jina, TEI and Voyage, and a web page",
         "headwise serve --port 8080", add_serve},
    Verb{"models", "Models that are on this machine, whoever brought them: what each needs, whether it loads",
         "headwise models", add_models},
    Verb{"inspect", "What a model file holds, what it costs in memory, which features it needs",
         "headwise inspect --json", add_inspect},
    Verb{"tokenize", "Token ids of each line of standard input", "echo 'who wrote Emma?' | headwise tokenize",
         add_tokenize},
    Verb{"bench", "Prefill and re-ranking speed with the machine's bounds beside it",
         "headwise bench --repeat 1 --passages 4", add_bench},
    Verb{kDescribe, "The man page and the completions of shells, as this binary has them",
         "headwise describe man", add_describe},
};

// Verbs that are programs of their own beside this one, because of what they link.
struct Program {
  const char* verb;
  const char* purpose;
  const char* file;
  const char* advice;    // where it is missing
  const char* tunables;  // of glibc (GLIBC_TUNABLES), where the user has set none
};

constexpr std::array kPrograms{
    Program{
        "align", "Train attention heads on preferences: a LoRA adapter and its head set", "headwise-align",
        "install libtorch-dev and build headwise again",
        // Tensors of more than 32 MB come and go with every batch. To map each anew, and clear its pages,
        // was a third of an update's time; so they are of one heap in huge pages, which is not given back.
        "glibc.malloc.mmap_max=0:glibc.malloc.arena_max=1:glibc.malloc.trim_threshold=17179869184:"
        "glibc.malloc.top_pad=268435456:glibc.malloc.hugetlb=1"},
};

// Becomes the program, whose name stands at `place` in argv: only an error returns.
int start_program(const Program& program, char** argv, int place) {
  std::error_code ignored;
  const auto own = std::filesystem::read_symlink("/proc/self/exe", ignored);
  const std::filesystem::path path = own.parent_path() / program.file;
  std::vector<char*> words{const_cast<char*>(program.file)};
  for (int i = 1; argv[i] != nullptr; ++i) {
    if (i != place) words.push_back(argv[i]);
  }
  words.push_back(nullptr);
  ::setenv("GLIBC_TUNABLES", program.tunables, 0);
  ::execv(path.c_str(), words.data());
  return report_error(
      program.verb,
      Error(ErrorCode::kUnsupported, "cannot start '" + path.string() + "': this build of headwise has no '" +
                                         program.verb + "'; " + program.advice));
}

std::vector<std::string> flag_names(const CLI::App& verb) {
  std::vector<std::string> names;
  for (const CLI::Option* option : verb.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

int report_extra_words(const CLI::App& root, const CLI::App* verb, const std::string& verb_name) {
  const std::vector<std::string> extra = root.remaining(true);
  const std::string word = extra.empty() ? std::string() : extra.front().substr(0, extra.front().find('='));
  const bool flag = word.starts_with("-");
  std::vector<std::string> known;
  if (!flag && (verb == nullptr || !verb->get_subcommands({}).empty())) {
    const CLI::App& group = verb == nullptr ? root : *verb;
    for (const CLI::App* known_verb : group.get_subcommands({})) known.push_back(known_verb->get_name());
  } else if (flag) {
    known = flag_names(verb == nullptr ? root : *verb);
  }
  // One of the verb's own, given before it.
  if (flag && std::find(known.begin(), known.end(), word) != known.end()) {
    return usage_error(verb_name,
                       "'" + word + "' belongs behind the verb: headwise " + verb_name + " " + word);
  }
  std::string nearest = nearest_word(word, known);
  // The field "score_scale" of a request, written as a flag, for "--score".
  for (const std::string& name : known) {
    if (nearest.empty() && flag && name.size() > 4 && word.starts_with(name + "-")) nearest = name;
  }
  const std::string what = flag ? "unknown flag '" : !known.empty() ? "unknown verb '" : "unexpected word '";
  return usage_error(verb == nullptr ? "" : verb_name, what + word + "'",
                     nearest.empty() ? "" : "did you mean '" + nearest + "'? ");
}

int run(int argc, char** argv) {
  for (const Program& program : kPrograms) {
    const int place = argc > 2 && std::string_view(argv[1]) == "--quiet" ? 2 : 1;
    if (argc > place && std::string_view(argv[place]) == program.verb) {
      return start_program(program, argv, place);
    }
  }
  keep_typed_words(std::span(argv, static_cast<size_t>(argc)));
  AppContext context;
  CLI::App root("headwise: re-rank passages by reading the attention heads of a language model");
  root.name("headwise");
  root.set_version_flag("--version", version_text(), "Print the version, and the licences of what is inside");
  bind_settings_file(root);
  root.formatter(std::make_shared<HelpFormat>());
  root.add_flag("--quiet", context.quiet, "No progress and no notes on stderr; errors still appear");
  std::vector<std::pair<CLI::App*, Action>> actions;
  for (const VerbGroup& group : kGroups) {
    CLI::App* verbs = root.add_subcommand(group.name, group.purpose);
    verbs->fallthrough();
    verbs->footer(std::string("A verb's own help: headwise ") + group.name + " VERB --help");
  }
  for (const Verb& row : kVerbs) {
    const std::string name = row.name;
    const size_t space = name.find(' ');
    CLI::App& parent = space == std::string::npos ? root : *root.get_subcommand(name.substr(0, space));
    CLI::App* verb =
        parent.add_subcommand(space == std::string::npos ? name : name.substr(space + 1), row.purpose);
    actions.emplace_back(verb, row.add(*verb, context));
    complete_verb(*verb, context.quiet, row.example);
    if (name == kDescribe) verb->group("");
  }
  for (const Program& program : kPrograms) root.add_subcommand(program.verb, program.purpose);
  root.footer("A verb's own help: headwise VERB --help");

  const CLI::App* chosen = nullptr;
  const auto chosen_name = [&]() {
    std::string name;
    const CLI::App* place = &root;
    while (!place->get_subcommands().empty()) {
      place = chosen = place->get_subcommands().front();
      name += (name.empty() ? "" : " ") + chosen->get_name();
    }
    return name;
  };
  try {
    root.parse(argc, argv);
  } catch (const CLI::ExtrasError&) {
    const std::string name = chosen_name();
    return report_extra_words(root, chosen, name);
  } catch (const CLI::ParseError& end) {
    return report_parse_end(root, chosen_name(), end, std::span(argv, static_cast<size_t>(argc)));
  }
  context.verb = chosen_name();
  if (chosen == nullptr) {
    std::cerr << root.help();
    return usage_error("", "no verb was given");
  }
  for (const auto& [verb, action] : actions) {
    if (verb != chosen) continue;
    const Status done = action();
    return done ? 0 : report_error(context.verb, done.error());
  }
  // A group without its second word.
  std::cerr << chosen->help();
  return usage_error(context.verb, "no verb was given");
}

}  // namespace
}  // namespace headwise

int main(int argc, char** argv) {
  return headwise::run_program("", "fewer or shorter passages (--max-words), or --weights stored, need less",
                               [&] { return headwise::run(argc, argv); });
}
