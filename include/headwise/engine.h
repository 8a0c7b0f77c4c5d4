// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: a model, a Reranker and, where asked for, a router, put together from settings as people
// give them: words, names and files. It is what every front end (command line, server, Python) starts from,
// so that the same settings give the same ranking everywhere: with nothing set, the default model and the
// head set that ships for it, which a Reranker made by itself does not take.
//
//   auto engine = headwise::load_engine({.model = "smollm2", .calibration = headwise::Calibration::kNa});
//   auto ranking = engine->rank("who wrote Emma?", passages, nullptr);
//
// Errors name a setting as the command line spells it ("--calibration"). Thread rule: as Reranker, one call
// at a time.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "headwise/device_choice.h"
#include "headwise/error.h"
#include "headwise/explanation.h"
#include "headwise/home.h"
#include "headwise/model.h"
#include "headwise/reranker.h"
#include "headwise/router.h"

namespace headwise {

inline constexpr std::string_view kDefaultModelFile = "SmolLM2-135M-Instruct.Q4_1.gguf";

// The file or folder that `given` names: a path (with "~"); the name of a model under headwise_home()/models
// in any case, with or without its quantisation; one that other tools have put on this machine, as
// `headwise models` names it ("Qwen/Qwen3-0.6B", "qwen3:0.6b"); or "smollm2" or nothing: the default model.
// kNotFound lists what the models folder holds; kUsage lists the models where a name fits several.
Result<std::filesystem::path> resolve_model(const std::string& given);

// How the first stage is added: by ranks, or by z-scores with this weight.
struct FusionChoice {
  Fusion fusion = Fusion::kNone;
  double weight = RerankerOptions{}.fusion_weight;  // with kWeighted
  std::string spelling{};                           // as it was asked for, which the headers of runs keep
};

inline constexpr uint64_t kUsualKeepMemory = uint64_t{1} << 30;

// One member for each option of docs/options.md. What is empty is not asked for: then a head set or router
// says how its heads are read, and where none does, the option's default holds. What is set wins.
struct EngineSettings {
  std::string model{};    // what resolve_model() takes
  std::string adapter{};  // a folder with a LoRA adapter (heads.json in it is its default set), "none",
                          // "default": the one that ships; empty: that one with its own heads alone
  std::optional<ModelOptions::Weights> weights{};
  std::optional<DeviceChoice> device{};
  std::optional<Precision> precision{};
  std::optional<int> threads{};
  std::string heads{};   // "default", "all", "8..11", "13-18,14-2", a file, or a name of the catalogue
  std::string router{};  // a file; chooses the heads
  std::optional<Encoding> encoding{};
  std::optional<Calibration> calibration{};
  std::optional<TokenFilter> token_filter{};
  std::optional<bool> filter_after_sum{};
  std::optional<std::optional<QueryRows>> rows{};  // an empty one inside: as the template says
  std::optional<FusionChoice> fuse{};
  std::optional<bool> full_depth{};
  std::string prompt_template{};  // a name or a file
  std::string chat_format{};
  std::optional<CandidateOrder> order{};
  std::optional<uint64_t> seed{};
  std::optional<int> max_words{};
  std::optional<int> max_tokens{};
  std::optional<LongPassages> long_passages{};
  std::optional<int> max_windows{};
  std::optional<int64_t> max_prompt_tokens{};
  std::optional<int> block_span{};
  std::optional<int> top_k{};
  std::string instruction{};
  std::optional<ScoreKind> score{};
  std::optional<double> min_score{};
  std::optional<uint64_t> keep_memory{};  // bytes
  std::string keep{};                     // a folder or redis://host:port/db
  std::optional<uint64_t> keep_store_bytes{};
  std::optional<bool> keep_second_sight{};
  std::optional<KeptType> keep_type{};
  std::optional<KeepBudget> keep_budget{};
  // No option of its own: keep_memory where nobody asks for any and passages are apart from each other.
  uint64_t usual_keep_memory = 0;  // kUsualKeepMemory for what lives long: a server, a program
  // Nor this: long_passages where nobody asks. kChunk for those who bring passages, kCut for work over data
  // sets, whose figures compare with those of before and of others.
  LongPassages usual_long_passages = LongPassages::kCut;
};

// An option by its name ("max-words") and a value as text ("80"), as flags, files and forms have them; an
// empty text takes a choice back. kUsage for a name that is none and for a value that the option does not
// take.
Status set_option(EngineSettings& settings, std::string_view name, std::string_view value);
// What set_option() takes; empty where nothing is asked for. The name must be one.
std::string option_text(const EngineSettings& settings, std::string_view name);

// With defaults for what is not asked for, whatever ships for a model. kUsage for `heads` that are no
// selection: no file is opened.
Result<RerankerOptions> reranker_options(const EngineSettings& settings);

struct Engine {
  std::shared_ptr<const Model> model;
  Reranker reranker;
  EngineSettings settings;  // as they took effect: every choice is set, the heads of a set are spelled out
  std::optional<QueryRouter> router;
  bool shipped_heads = false;  // the set that ships for the model is read

  // With the router's heads for this query where there is one.
  Result<Ranking> rank(std::string_view query, std::span<const Passage> passages, ProgressSink* progress);
  Result<Ranking> rank(const RankRequest& request, ProgressSink* progress);
  // As Reranker::rank_many; a router's queries, each with heads of its own, are a pass each.
  std::vector<Result<Ranking>> rank_many(std::span<const RankRequest> requests, ProgressSink* progress);
  Result<Explanation> explain(std::string_view query, std::span<const Passage> passages,
                              ExplainOptions options, ProgressSink* progress);
  // What the ranking read: "all 270 heads of layers 0-29", "36 heads of layers 8-11", "3 heads: 13-18, 14-2,
  // 15-0", "the shipped 32 heads of layers 2-29".
  std::string describe_heads(std::span<const HeadId> heads) const;
};

// Everything that load, resolve and create can say: kUsage, kNotFound, kInvalidInput, kUnsupported,
// kResourceLimit. A file that says something wrong costs no model load.
Result<Engine> load_engine(const EngineSettings& settings);

// The model that the settings name, with its adapter and weights.
Result<std::shared_ptr<const Model>> load_model(const EngineSettings& settings);
// load_engine for those who have several engines on one model: `model` is asked once the files were found
// sound, for what load_model(settings) would give.
using ModelSource = std::function<Result<std::shared_ptr<const Model>>()>;
Result<Engine> make_engine(const EngineSettings& settings, const ModelSource& model);

// With fuse "rrf", which needs ranks alone, passages without scores are taken as given best first.
void rank_by_place(const EngineSettings& settings, std::vector<Passage>& passages);

}  // namespace headwise
