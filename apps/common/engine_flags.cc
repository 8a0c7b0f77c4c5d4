// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "common/engine_flags.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <optional>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/file.h"
#include "common/journal.h"
#include "common/model_path.h"
#include "common/named_heads.h"
#include "headwise/head_catalogue.h"
#include "headwise/head_set.h"
#include "rerank/option_words.h"

namespace headwise {
namespace {

constexpr std::array<Word<ModelOptions::Weights>, 2> kWeightsWords{
    {{"stored", ModelOptions::Weights::kStored}, {"fp32", ModelOptions::Weights::kFloat32}}};

template <typename T, size_t n>
CLI::IsMember one_of(const std::array<Word<T>, n>& words) {
  return CLI::IsMember(words_of(words));
}

// A word that the flag's own check let through.
template <typename T, size_t n>
T meaning(const std::array<Word<T>, n>& words, const std::string& given) {
  const auto found = meaning_of(words, given);
  HW_CHECK(found.has_value());
  return *found;
}

Status set_fusion(const std::string& fuse, RerankerOptions& options) {
  options.fusion = Fusion::kNone;
  if (fuse == "none") return {};
  if (fuse == "rrf") {
    options.fusion = Fusion::kReciprocalRank;
    return {};
  }
  double weight = 0.0;
  const auto [end, error] = std::from_chars(fuse.data(), fuse.data() + fuse.size(), weight);
  if (error != std::errc() || end != fuse.data() + fuse.size() || !std::isfinite(weight) || weight < 0) {
    return fail(
        ErrorCode::kUsage,
        "--fuse: expected a weight of the first stage such as 0.7, or rrf, or none; found '" + fuse + "'");
  }
  options.fusion = Fusion::kWeighted;
  options.fusion_weight = weight;
  return {};
}

// A head-set file's members by the flag that each stands for.
struct SetMember {
  const char* flag;
  std::string HeadSet::*member;
  std::string EngineFlags::*target;
  bool (*known)(const std::string& word);
};
template <const auto& words>
bool is_word_of(const std::string& given) {
  return meaning_of(words, given).has_value();
}
constexpr SetMember kSetMembers[] = {
    {"--encoding", &HeadSet::encoding, &EngineFlags::encoding, is_word_of<kEncodingWords>},
    {"--calibration", &HeadSet::calibration, &EngineFlags::calibration, is_word_of<kCalibrationWords>},
    {"--token-filter", &HeadSet::token_filter, &EngineFlags::token_filter, is_word_of<kTokenFilterWords>},
    {"--rows", &HeadSet::rows, &EngineFlags::rows, is_word_of<kRowsWords>},
};

// How a head set or router says that its heads are read, wherever the user asked for no other way.
Status put_in_way_of_reading(const HeadSet& set, const std::string& source, EngineFlags& flags) {
  const auto free = [&](const char* flag) { return !flags.set_by_user || !flags.set_by_user(flag); };
  for (const SetMember& row : kSetMembers) {
    const std::string& word = set.*row.member;
    if (word.empty() || !free(row.flag)) continue;
    if (!row.known(word)) {
      return fail(ErrorCode::kInvalidInput,
                  source + " says '" + word + "', which " + row.flag + " does not know");
    }
    flags.*row.target = word;
  }
  if (!set.prompt_template.empty() && free("--template") && free("--encoding")) {
    flags.options.prompt_template = set.prompt_template;
  }
  return {};
}

// --heads FILE or NAME: the set in it, and its way of reading wherever the user asked for no other. Nothing
// when --heads is neither.
Result<std::optional<HeadSet>> put_in_head_set(EngineFlags& flags) {
  auto set = named_head_set(flags.heads);
  if (!set || !*set) return set;
  HW_RETURN_IF_ERROR(put_in_way_of_reading(**set, "the head set '" + flags.heads + "'", flags));
  flags.heads = (*set)->selection().to_string();
  return set;
}

// --router FILE: its way of reading wherever the user asked for no other.
Result<Router> put_in_router(EngineFlags& flags) {
  if (flags.set_by_user && flags.set_by_user("--heads")) {
    return fail(ErrorCode::kUsage, "--router chooses the heads; leave --heads out");
  }
  auto router = read_router(flags.router);
  if (!router) return fail(std::move(router.error()));
  HeadSet way;
  way.prompt_template = router->prompt_template;
  way.encoding = router->encoding;
  way.calibration = router->calibration;
  way.token_filter = router->token_filter;
  way.rows = router->rows;
  HW_RETURN_IF_ERROR(put_in_way_of_reading(way, "the router '" + flags.router + "'", flags));
  return router;
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
      "Folder with a LoRA adapter in PEFT's layout, merged at load; heads.json in it is its --heads default. "
      "none: the model as it is");
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

Result<RerankerOptions> engine_options(const EngineFlags& flags) {
  RerankerOptions options = flags.options;
  auto heads = HeadSelection::parse(flags.heads);
  if (!heads) return fail(std::move(heads.error()).with_context("reading --heads"));
  options.heads = std::move(*heads);
  options.encoding = meaning(kEncodingWords, flags.encoding);
  options.calibration = meaning(kCalibrationWords, flags.calibration);
  options.token_filter = meaning(kTokenFilterWords, flags.token_filter);
  options.order = meaning(kOrderWords, flags.order);
  options.rows = meaning(kRowsWords, flags.rows);
  HW_RETURN_IF_ERROR(set_fusion(flags.fuse, options));
  return options;
}

namespace {

// Whether the user asked for another way of reading than the set's.
bool asked_otherwise(const HeadSet& set, const EngineFlags& flags) {
  if (!flags.set_by_user) return false;
  for (const SetMember& row : kSetMembers) {
    if (flags.set_by_user(row.flag) && flags.*row.target != set.*row.member) return true;
  }
  return flags.set_by_user("--template") && flags.options.prompt_template != set.prompt_template;
}

// --heads default: the set that ships for this model, read as it was found; every head where there is none,
// or where another way of reading is asked for.
Result<std::optional<HeadSet>> put_in_default_set(const Model& model, EngineFlags& flags) {
  const HeadSet* set = default_head_set(model.base_fingerprint());
  if (set == nullptr || asked_otherwise(*set, flags)) {
    flags.heads = "all";
    return std::nullopt;
  }
  HW_RETURN_IF_ERROR(put_in_way_of_reading(*set, "the shipped head set", flags));
  flags.heads = set->selection().to_string();
  return *set;
}

// --heads default with an adapter: the set that lies beside it, where there is one.
bool put_in_heads_of_adapter(EngineFlags& flags) {
  const std::filesystem::path file = std::filesystem::path(flags.adapter) / "heads.json";
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(file, ignored)) return false;
  flags.heads = file.string();
  return true;
}

}  // namespace

Result<Engine> load_engine(const EngineFlags& given) {
  EngineFlags flags = given;
  std::optional<Router> router;
  if (!flags.router.empty()) {
    auto read = put_in_router(flags);
    if (!read) return fail(std::move(read.error()));
    router = std::move(*read);
  }
  const bool by_default = flags.heads == kDefaultHeads;
  if (router || by_default) flags.heads = "all";
  const bool adapted = flags.adapter != kNoAdapter && !flags.adapter.empty();
  const bool heads_of_adapter = by_default && !router && adapted && put_in_heads_of_adapter(flags);
  auto set = put_in_head_set(flags);
  if (!set) return fail(std::move(set.error()));
  auto options = engine_options(flags);  // first: a wrong flag should not cost a model load
  if (!options) return fail(std::move(options.error()));
  auto path = resolve_model(flags.model);
  if (!path) return fail(std::move(path.error()));
  auto model = Model::load(*path, {.weights = meaning(kWeightsWords, flags.weights),
                                   .adapter = adapted ? flags.adapter : std::string()});
  if (!model)
    return fail(std::move(model.error()).with_context("loading the model '" + path->string() + "'"));
  if (by_default && !router && !heads_of_adapter) {
    set = put_in_default_set(**model, flags);
    if (!set) return fail(std::move(set.error()));
    options = engine_options(flags);
    if (!options) return fail(std::move(options.error()));
  }
  if (*set) {
    HW_RETURN_IF_ERROR(check_head_set(**set, **model));
    options->heads = (*set)->selection();
    flags.options.heads = options->heads;  // with its weights, for options_that_decide
  }
  auto reranker = Reranker::create(*model, std::move(*options));
  if (!reranker) return fail(std::move(reranker.error()));
  std::optional<QueryRouter> query_router;
  if (router) {
    auto made = QueryRouter::create(std::move(*router), *model, flags.options.threads);
    if (!made) return fail(std::move(made.error()));
    query_router.emplace(std::move(*made));
  }
  return Engine{std::move(*model), std::move(*reranker), std::move(flags), std::move(query_router),
                by_default && !heads_of_adapter && set->has_value()};
}

Result<Ranking> Engine::rank(std::string_view query, std::span<const Passage> passages,
                             ProgressSink* progress) {
  if (!router) return reranker.rank(query, passages, progress);
  const auto routed = router->route(query);
  if (!routed) return fail(routed.error());
  return reranker.rank_with(routed->heads, query, passages, progress);
}

Json options_that_decide(const EngineFlags& flags) {
  const RerankerOptions& options = flags.options;
  Json json;
  json["heads"] = flags.heads;
  if (!options.heads.weights.empty()) json["weights"] = options.heads.weights;
  if (!flags.router.empty()) {
    Fingerprint content;
    content.add(read_text_file(flags.router).value_or(""));
    json["router"] = content.hex();
  }
  json["encoding"] = flags.encoding;
  json["calibration"] = flags.calibration;
  json["token-filter"] = flags.token_filter;
  json["filter-after-sum"] = options.filter_after_sum;
  json["rows"] = flags.rows;
  json["fuse"] = flags.fuse;
  json["template"] = options.prompt_template;
  // A template of the user's own may change between two runs while its name stays.
  std::error_code ignored;
  if (!options.prompt_template.empty() &&
      std::filesystem::is_regular_file(options.prompt_template, ignored)) {
    Fingerprint content;
    content.add(read_text_file(options.prompt_template).value_or(""));
    json["template-content"] = content.hex();
  }
  json["chat-format"] = options.chat_format;
  json["order"] = flags.order;
  json["seed"] = options.seed;
  json["max-words"] = options.max_words;
  json["max-tokens"] = options.max_tokens;
  json["max-prompt-tokens"] = options.max_prompt_tokens;
  json["block-span"] = options.block_span;
  json["top-k"] = options.top_k;
  return json;
}

Result<Explanation> Engine::explain(std::string_view query, std::span<const Passage> passages,
                                    ExplainOptions options, ProgressSink* progress) {
  if (router) {
    auto routed = router->route(query);
    if (!routed) return fail(std::move(routed.error()));
    options.heads = std::move(routed->heads);
  }
  return reranker.explain(query, passages, options, progress);
}

std::string Engine::describe_heads(std::span<const HeadId> heads) const {
  const HeadSelection& selection = reranker.options().heads;
  const std::string count = std::to_string(heads.size()) + (heads.size() == 1 ? " head" : " heads");
  if (!router && selection.kind != HeadSelection::Kind::kList) {
    const std::string layers = std::to_string(heads.front().layer) + "-" + std::to_string(heads.back().layer);
    return (selection.kind == HeadSelection::Kind::kAll ? "all " : "") + count + " of layers " + layers;
  }
  if (shipped_heads) {
    const auto [low, high] = std::minmax_element(heads.begin(), heads.end());
    return "the shipped " + count + " of layers " + std::to_string(low->layer) + "-" +
           std::to_string(high->layer);
  }
  constexpr size_t kShown = 16;
  std::string text = count + ": ";
  for (size_t i = 0; i < heads.size() && i < kShown; ++i) text += (i > 0 ? ", " : "") + to_string(heads[i]);
  return heads.size() > kShown ? text + ", …" : text;
}

}  // namespace headwise
