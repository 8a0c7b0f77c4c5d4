// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the contract between main.cc and the verbs. A verb is one file apps/NAME.cc with one
// function add_NAME that declares its flags and returns what to do when the verb was chosen:
//
//   Action add_inspect(CLI::App& verb, AppContext& context) {
//     auto options = std::make_shared<InspectOptions>();   // kept alive by the action
//     verb.add_option("--model", options->model, "a .gguf file, ...");
//     return [options, &context]() -> Status { ... };
//   }
//
// and one row in main.cc's table. main.cc gives every verb --help with the row's example, --quiet, --config
// and the environment variables (--max-words: HEADWISE_MAX_WORDS); an error that the action returns is
// printed to stderr as "headwise NAME: message" and decides the exit status. Results go to stdout
// (common/output.h), everything else to stderr.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>

#include "headwise/error.h"

namespace headwise {

// What main.cc knows and the verbs may need. Filled in before an action runs.
struct AppContext {
  std::string verb;    // the verb chosen
  bool quiet = false;  // --quiet: no progress, no notes; errors are still printed
};

using Action = std::function<Status()>;

Action add_rerank(CLI::App& verb, AppContext& context);
Action add_explain(CLI::App& verb, AppContext& context);
Action add_eval(CLI::App& verb, AppContext& context);
Action add_heads_calibrate(CLI::App& verb, AppContext& context);
Action add_heads_sample(CLI::App& verb, AppContext& context);
Action add_heads_score(CLI::App& verb, AppContext& context);
Action add_heads_select(CLI::App& verb, AppContext& context);
Action add_heads_sensitivity(CLI::App& verb, AppContext& context);
Action add_heads_show(CLI::App& verb, AppContext& context);
Action add_passages_build(CLI::App& verb, AppContext& context);
Action add_passages_info(CLI::App& verb, AppContext& context);
Action add_passages_verify(CLI::App& verb, AppContext& context);
Action add_passages_compact(CLI::App& verb, AppContext& context);
Action add_passages_drop(CLI::App& verb, AppContext& context);
Action add_route_label(CLI::App& verb, AppContext& context);
Action add_route_train(CLI::App& verb, AppContext& context);
Action add_route_report(CLI::App& verb, AppContext& context);
Action add_models(CLI::App& verb, AppContext& context);
Action add_inspect(CLI::App& verb, AppContext& context);
Action add_search(CLI::App& verb, AppContext& context);
Action add_serve(CLI::App& verb, AppContext& context);
Action add_tokenize(CLI::App& verb, AppContext& context);
Action add_describe(CLI::App& verb, AppContext& context);
Action add_bench(CLI::App& verb, AppContext& context);

}  // namespace headwise
