// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "common/engine_flags.h"

#include <array>
#include <string>

#include "common/model_path.h"
#include "rerank/option_words.h"

namespace headwise {
namespace {

template <typename T, size_t n>
CLI::IsMember one_of(const std::array<Word<T>, n>& words) {
  return CLI::IsMember(words_of(words));
}

}  // namespace

void add_engine_flags(CLI::App& verb, EngineFlags& flags) {
  RerankerOptions& options = flags.options;
  flags.set_by_user = [&verb](const char* flag) { return verb.get_option(flag)->count() > 0; };
  const auto add = [&verb](const char* group, const char* name, auto& target, const char* help) {
    return verb.add_option(name, target, help)->group(group)->capture_default_str();
  };
  constexpr const char* kModel = "Model";
  add(kModel, "--model", flags.model, kModelHelp);
  add(kModel, "--adapter", flags.adapter,
      "Folder with a LoRA adapter in PEFT's layout, added to its weights; heads.json in it is its --heads "
      "default. "
      "default: the one that ships for this model; unless asked for, it is used where --heads, --router, "
      "--encoding, --calibration, --token-filter, --rows and --template ask for nothing else. none: the "
      "model "
      "as it is");
  add(kModel, "--weights", flags.weights,
      "Keep the weights as 'stored' (less memory) or as 'fp32' (faster); scores are the same")
      ->check(one_of(kWeightsWords));
  add(kModel, "--threads", options.threads, "Threads; 0: all usable cores")->check(CLI::Range(0, 1024));

  constexpr const char* kReading = "Reading";
  add(kReading, "--heads", flags.heads,
      "Heads read: default (the set that ships for this model, where --encoding, --calibration, "
      "--token-filter, --rows "
      "and --template ask for nothing else; otherwise all), all, a layer window 8..11, a list 13-18,14-2, a "
      "head-set "
      "file, or a published list's name (`headwise heads show` lists them)");
  add(kReading, "--router", flags.router,
      "Router file: heads for each query, read as the router was trained, instead of --heads");
  add(kReading, "--calibration", flags.calibration,
      "Against a content-free query: none, na (difference) or ratio (log ratio)")
      ->check(one_of(kCalibrationWords));
  add(kReading, "--token-filter", flags.token_filter,
      "With --calibration na: low drops a passage's outlying low tokens")
      ->check(one_of(kTokenFilterWords));
  verb.add_flag("--filter-after-sum", options.filter_after_sum,
                "Filter once, on the sum over heads, as ICR's and QRHead's code does")
      ->group(kReading);
  add(kReading, "--rows", flags.rows,
      "Query tokens that are read: all, instruction+query, query, or as the template says")
      ->check(one_of(kRowsWords));
  add(kReading, "--fuse", flags.fuse,
      "Add the first stage: W (weight of its z-score, e.g. 0.7), rrf or none");
  verb.add_flag("--full-depth", options.full_depth, "Run every layer, also above the deepest head read")
      ->group(kReading);

  constexpr const char* kPrompt = "Prompt";
  add(kPrompt, "--encoding", flags.encoding,
      "blocks: passages apart from each other; list: one causal prompt")
      ->check(one_of(kEncodingWords));
  add(kPrompt, "--template", options.prompt_template,
      "Prompt template, a name or a file; default: 'blocks' or 'default' by encoding");
  add(kPrompt, "--chat-format", options.chat_format,
      "Chat format; default: found from the model's special tokens");
  add(kPrompt, "--order", flags.order, "Order of the candidates in the prompt")->check(one_of(kOrderWords));
  add(kPrompt, "--seed", options.seed, "For --order shuffled");
  add(kPrompt, "--max-words", options.max_words, "Words kept of a passage; 0: all")
      ->check(CLI::NonNegativeNumber);
  add(kPrompt, "--max-tokens", options.max_tokens, "Tokens kept of a passage; 0: all")
      ->check(CLI::NonNegativeNumber);
  add(kPrompt, "--max-prompt-tokens", options.max_prompt_tokens, "Longest prompt; 0: the model's context")
      ->check(CLI::NonNegativeNumber);
  add(kPrompt, "--block-span", options.block_span,
      "With blocks: positions of a passage's slot; 0: the longest of the request")
      ->check(CLI::NonNegativeNumber);
}

EngineSettings settings_of(const EngineFlags& flags) {
  EngineSettings settings = flags;
  const auto asked = [&](const char* flag) { return flags.set_by_user && flags.set_by_user(flag); };
  if (!asked("--adapter")) settings.adapter.clear();
  if (!asked("--encoding")) settings.encoding.clear();
  if (!asked("--calibration")) settings.calibration.clear();
  if (!asked("--token-filter")) settings.token_filter.clear();
  if (!asked("--rows")) settings.rows.clear();
  if (!flags.router.empty() && !asked("--heads")) settings.heads.clear();
  return settings;
}

Result<Engine> load_engine(const EngineFlags& flags) { return load_engine(settings_of(flags)); }

}  // namespace headwise
