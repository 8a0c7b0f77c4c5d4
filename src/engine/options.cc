// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The order of the rows is that of --help within its groups, and of the headers of runs.
#include "engine/options.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "base/check.h"
#include "base/file.h"
#include "base/fingerprint.h"
#include "engine/option_values.h"
#include "rerank/prompt_template.h"

namespace headwise {
namespace {

using S = EngineSettings;
using R = RerankerOptions;

constexpr const char* kModel = "Model";
constexpr const char* kReading = "Reading";
constexpr const char* kPrompt = "Prompt";
constexpr const char* kKept = "Kept passages";
constexpr uint64_t kMostThreads = 1024;

// The one choice that is two members of the Reranker's options.
constexpr OptionValue fusion_value() {
  OptionValue value = value_of<&S::fuse>();
  value.apply = [](const S& settings, R& options) {
    options.fusion = settings.fuse->fusion;
    options.fusion_weight = settings.fuse->weight;
  };
  return value;
}

// Of the one number that may be absent: there is no default that leaves nothing out.
constexpr OptionValue least_score() {
  OptionValue value = value_of<&S::min_score>();
  value.apply = [](const S& settings, R& options) { options.min_score = settings.min_score; };
  return value;
}

// A choice that is a member of RerankerOptions::keep.
template <auto member, auto target>
constexpr OptionValue kept(OptionValue value) {
  value.apply = [](const S& settings, R& options) {
    if constexpr (std::is_same_v<decltype(member), std::string S::*>) {
      options.keep.*target = settings.*member;
    } else {
      options.keep.*target = *(settings.*member);
    }
  };
  return value;
}

constexpr Option kOptions[] = {
    {.name = "model",
     .group = kModel,
     .value = path_of<&S::model>(),
     .help = "A .gguf file, a Hugging Face folder, or the name of a model under $HEADWISE_HOME/models "
             "(default: SmolLM2-135M-Instruct)"},
    {.name = "adapter",
     .group = kModel,
     .value = path_of<&S::adapter>(),
     .fallback = kDefaultAdapter,
     .client = ClientRule{.about = "One that /v1/models lists: the server's own, or none."},
     .help = "Folder with a LoRA adapter in PEFT's layout, added to its weights; heads.json in it is its "
             "--heads default. default: the one that ships for this model; unless asked for, it is used "
             "where --heads, --router, --encoding, --calibration, --token-filter, --rows and --template ask "
             "for nothing else. none: the model as it is"},
    {.name = "weights",
     .group = kModel,
     .value = value_of<&S::weights>(),
     .fallback = "stored",
     .help = "Keep the weights as 'stored' (less memory) or as 'fp32' (faster); scores are the same"},
    // The number of a card changes nothing: its name stands in headers.
    {.name = "device",
     .group = kModel,
     .value = value_of<&S::device, &R::device>(),
     .fallback = "cpu",
     .expected = "cpu, cuda or cuda:N, N being a card's number",
     .decides = Decides::kChangedValue,
     .help = "Where passes run: cpu, or cuda[:N], an NVIDIA card (N: its number, 0 unless said), which needs "
             "libheadwise_cuda.so; scores of the two differ a little and are never mixed"},
    // A header has what the decoder came to beside it: auto is not the same everywhere.
    {.name = "precision",
     .group = kModel,
     .value = value_of<&S::precision>(),
     .fallback = "auto",
     .decides = Decides::kChangedValue,
     .help =
         "What the linear layers multiply: fp32, the most exact; bf16 or int8, which are faster, take less "
         "memory and change scores a little; auto: bf16, which ranks as fp32 does, where the processor or a "
         "card multiplies it faster, else fp32"},
    {.name = "threads",
     .group = kModel,
     .value = value_of<&S::threads, &R::threads>(),
     .fallback = "0",
     .most = kMostThreads,
     .help = "Threads; 0: all usable cores"},
    {.name = "heads",
     .group = kReading,
     .value = path_of<&S::heads>(),
     .fallback = kDefaultHeads,
     .decides = Decides::kValue,
     .client = ClientRule{.about = "default, all, a layer window 8..11, a list 13-18,14-2, or a name that "
                                   "/v1/models lists."},
     .help = "Heads read: default (the set that ships for this model, where --encoding, --calibration, "
             "--token-filter, --rows and --template ask for nothing else; otherwise all), all, a layer "
             "window 8..11, a list 13-18,14-2, a head-set file, or a published list's name (`headwise heads "
             "show` lists them)"},
    {.name = "router",
     .group = kReading,
     .value = path_of<&S::router>(),
     .decides = Decides::kContent,
     .help = "Router file: heads for each query, read as the router was trained, instead of --heads"},
    {.name = "encoding",
     .group = kPrompt,
     .value = value_of<&S::encoding, &R::encoding>(),
     .fallback = "blocks",
     .decides = Decides::kValue,
     .client = ClientRule{},
     .help = "blocks: passages apart from each other; list: one causal prompt"},
    {.name = "calibration",
     .group = kReading,
     .value = value_of<&S::calibration, &R::calibration>(),
     .fallback = "ratio",
     .decides = Decides::kValue,
     .client = ClientRule{},
     .help = "Against a content-free query: none, na (difference) or ratio (log ratio)"},
    {.name = "token-filter",
     .group = kReading,
     .value = value_of<&S::token_filter, &R::token_filter>(),
     .fallback = "low",
     .decides = Decides::kValue,
     .client = ClientRule{},
     .help = "With --calibration na: low drops a passage's outlying low tokens"},
    {.name = "filter-after-sum",
     .group = kReading,
     .value = value_of<&S::filter_after_sum, &R::filter_after_sum>(),
     .fallback = "false",
     .decides = Decides::kValue,
     .client = ClientRule{},
     .help = "Filter once, on the sum over heads, as ICR's and QRHead's code does"},
    {.name = "rows",
     .group = kReading,
     .value = value_of<&S::rows, &R::rows>(),
     .fallback = "template",
     .decides = Decides::kValue,
     .client = ClientRule{},
     .help = "Query tokens that are read: all, instruction+query, query, or as the template says"},
    {.name = "fuse",
     .group = kReading,
     .value = fusion_value(),
     .fallback = "none",
     .expected = "a weight of the first stage such as 0.7, or rrf, or none",
     .decides = Decides::kValue,
     .client = ClientRule{.about = "Weight of the first stage's z-score; rrf: reciprocal ranks. Needs "
                                   "`score` of every document, or, with rrf, takes them as given best first; "
                                   "a corpus' documents have BM25's."},
     .help = "Add the first stage: W (weight of its z-score, e.g. 0.7), rrf or none"},
    {.name = "full-depth",
     .group = kReading,
     .value = value_of<&S::full_depth, &R::full_depth>(),
     .fallback = "false",
     .help = "Run every layer, also above the deepest head read"},
    {.name = "template",
     .group = kPrompt,
     .value = path_of<&S::prompt_template, &R::prompt_template>(),
     .decides = Decides::kValueAndContent,
     .client = ClientRule{.words = prompt_template_names, .about = "The name of a template that ships."},
     .help = "Prompt template, a name or a file; default: 'blocks' or 'default' by encoding"},
    {.name = "chat-format",
     .group = kPrompt,
     .value = text_of<&S::chat_format, &R::chat_format>(),
     .decides = Decides::kValue,
     .help = "Chat format; default: found from the model's special tokens"},
    {.name = "order",
     .group = kPrompt,
     .value = value_of<&S::order, &R::order>(),
     .fallback = "given",
     .decides = Decides::kValue,
     .client = ClientRule{},
     .help = "Order of the candidates in the prompt"},
    {.name = "seed",
     .group = kPrompt,
     .value = value_of<&S::seed, &R::seed>(),
     .fallback = "0",
     .decides = Decides::kValue,
     .client = ClientRule{.most = std::numeric_limits<int64_t>::max()},
     .help = "For --order shuffled"},
    {.name = "max-words",
     .group = kPrompt,
     .value = value_of<&S::max_words, &R::max_words>(),
     .fallback = "300",
     .decides = Decides::kValue,
     .client = ClientRule{},
     .help = "Words kept of a passage; 0: all"},
    {.name = "max-tokens",
     .group = kPrompt,
     .value = value_of<&S::max_tokens, &R::max_tokens>(),
     .fallback = "1024",
     .decides = Decides::kValue,
     .client = ClientRule{.field = "max_tokens_per_doc"},
     .help = "Tokens kept of a passage; 0: as many as leave an eighth of the context to the query"},
    {.name = "long",
     .group = kPrompt,
     .value = value_of<&S::long_passages, &R::long_passages>(),
     .fallback = "cut",
     .decides = Decides::kChangedValue,
     .client =
         ClientRule{.about = "What is longer than max_words or max_tokens_per_doc is cut there, or read in "
                             "windows that overlap, of which the best one counts."},
     .help = "What is longer than --max-words or --max-tokens: cut there, or chunk, read in windows that "
             "overlap, of which the best one counts; chunk unless said otherwise, but over data sets"},
    {.name = "max-windows",
     .group = kPrompt,
     .value = value_of<&S::max_windows, &R::max_windows>(),
     .fallback = "32",
     .decides = Decides::kChangedValue,
     .client = ClientRule{.most = 1024},
     .help = "With --long chunk: windows read of a passage, from its beginning"},
    {.name = "max-prompt-tokens",
     .group = kPrompt,
     .value = value_of<&S::max_prompt_tokens, &R::max_prompt_tokens>(),
     .fallback = "0",
     .decides = Decides::kValue,
     .help = "Longest prompt; 0: the model's context"},
    {.name = "block-span",
     .group = kPrompt,
     .value = value_of<&S::block_span, &R::block_span>(),
     .fallback = "0",
     .decides = Decides::kValue,
     .client = ClientRule{.most = 1 << 20},
     .help = "With blocks: positions of a passage's slot; 0: the longest of the request"},
    {.name = "keep-memory",
     .group = kKept,
     .value = kept<&S::keep_memory, &KeepOptions::memory>(size_of<&S::keep_memory>()),
     .fallback = "0",
     .help = "With blocks: memory for what passages were encoded to, so that one that was seen before is not "
             "run again; least recently used first out. 0: none"},
    {.name = "keep",
     .group = kKept,
     .value = kept<&S::keep, &KeepOptions::store>(path_of<&S::keep>()),
     .help = "Where encoded passages are kept for good: a folder, or redis://host:port/db"},
    {.name = "keep-store-bytes",
     .group = kKept,
     .value = kept<&S::keep_store_bytes, &KeepOptions::store_bytes>(size_of<&S::keep_store_bytes>()),
     .fallback = "0",
     .help = "Bound of the folder of --keep; the oldest segments go first. 0: none"},
    {.name = "keep-second-sight",
     .group = kKept,
     .value = kept<&S::keep_second_sight, &KeepOptions::second_sight>(value_of<&S::keep_second_sight>()),
     .fallback = "false",
     .help = "What is seen for the second time goes into --keep, not what is seen once"},
    {.name = "keep-type",
     .group = kKept,
     .value = kept<&S::keep_type, &KeepOptions::type>(value_of<&S::keep_type>()),
     .fallback = "fp32",
     .decides = Decides::kChangedValue,
     .help = "How encoded passages are kept: fp32 gives the scores of a request without anything kept; bf16 "
             "and int8 take a half and a quarter of the bytes and change scores a little"},
    {.name = "keep-budget",
     .group = kKept,
     .value = kept<&S::keep_budget, &KeepOptions::budget>(value_of<&S::keep_budget>()),
     .fallback = "1",
     .expected = "B[,split=uniform|depth|pyramid|join:L][,tokens=every|received|norm][,file=PATH]",
     .decides = Decides::kChangedValue,
     .help =
         "Share of a passage's tokens that is kept, a mean over the layers: "
         "B[,split=uniform|depth|pyramid|join:L][,tokens=every|received|norm][,file=PATH]; B from 1/32 to "
         "1, join:L: nothing below layer L. 1: all, which changes no score"},
    {.name = "top-k",
     .group = nullptr,
     .value = value_of<&S::top_k, &R::top_k>(),
     .fallback = "0",
     .decides = Decides::kValue,
     .per_call = true,
     .help = "Passages returned; 0: all"},
    {.name = "instruction",
     .group = kPrompt,
     .value = text_of<&S::instruction, &R::instruction>(),
     .decides = Decides::kChangedValue,
     .help = "What the model is asked to look for, instead of the template's own words"},
    {.name = "score",
     .group = nullptr,
     .value = value_of<&S::score, &R::score>(),
     .fallback = "raw",
     .decides = Decides::kChangedValue,
     .help =
         "What scores are: raw; relevance (0 to 1, compares between requests); softmax; minmax. The order "
         "is the same"},
    {.name = "min-score",
     .group = nullptr,
     .value = least_score(),
     .decides = Decides::kChangedValue,
     .help = "Leave out what scores less; of --score's kind"},
};

// Of a file that may change between two runs while its name stays.
std::string content_of(const std::string& path) {
  Fingerprint content;
  content.add(read_file(path).value_or(""));
  return content.hex();
}

}  // namespace

std::span<const Option> options() { return kOptions; }

const Option* find_option(std::string_view name) {
  const auto* found = std::find_if(std::begin(kOptions), std::end(kOptions),
                                   [&](const Option& option) { return option.name == name; });
  return found == std::end(kOptions) ? nullptr : found;
}

std::string keyword(const Option& option) {
  std::string text(option.name);
  std::replace(text.begin(), text.end(), '-', '_');
  return text;
}

std::string client_field(const Option& option) {
  return option.client && option.client->field != nullptr ? option.client->field : keyword(option);
}

Status set_option(EngineSettings& settings, std::string_view name, std::string_view value) {
  const Option* option = find_option(name);
  if (option == nullptr)
    return fail(ErrorCode::kUsage, "there is no option '" + std::string(name) + "'; docs/options.md has all");
  return option->value.read(*option, value, settings);
}

std::string option_text(const EngineSettings& settings, std::string_view name) {
  const Option* option = find_option(name);
  HW_CHECK(option != nullptr);
  return option->value.write(settings);
}

EngineSettings with_defaults(EngineSettings settings) {
  for (const Option& option : kOptions) {
    if (!option.value.write(settings).empty()) continue;
    HW_CHECK(option.value.read(option, option.fallback, settings).has_value());
  }
  return settings;
}

RerankerOptions to_reranker_options(const EngineSettings& settings, HeadSelection heads) {
  RerankerOptions made;
  made.heads = std::move(heads);
  for (const Option& option : kOptions) {
    if (option.value.apply != nullptr) option.value.apply(settings, made);
  }
  return made;
}

nlohmann::ordered_json options_that_decide(const EngineSettings& settings,
                                           std::span<const double> head_weights) {
  nlohmann::ordered_json json;
  for (const Option& option : kOptions) {
    if (option.decides == Decides::kNothing) continue;
    const std::string name(option.name);
    const bool value = option.decides != Decides::kContent;
    if (option.decides == Decides::kChangedValue && option.value.write(settings) == option.fallback) continue;
    if (value) json[name] = option.value.json(settings);
    if (name == "heads" && !head_weights.empty()) {
      json["weights"] = std::vector<double>(head_weights.begin(), head_weights.end());
    }
    if (option.decides == Decides::kValue || option.decides == Decides::kChangedValue) continue;
    const std::string path = option.value.write(settings);
    std::error_code ignored;
    if (path.empty() || (value && !std::filesystem::is_regular_file(path, ignored))) continue;
    json[value ? name + "-content" : name] = content_of(path);
  }
  return json;
}

}  // namespace headwise
