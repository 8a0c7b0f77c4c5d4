// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "align/align_flags.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "base/check.h"
#include "common/model_path.h"
#include "common/value_checks.h"
#include "heads/selection.h"
#include "model/tensor_roles.h"
#include "rerank/option_words.h"

namespace headwise {
namespace {

constexpr int kMostWorkers = 1024;

std::vector<std::string> with_empty(std::vector<std::string> words) {
  words.emplace_back();
  return words;
}

std::vector<std::string> projection_words() {
  std::vector<std::string> words;
  for (const TensorRole& role : tensor_roles()) {
    if (role.adaptable) words.emplace_back(role.word);
  }
  return words;
}

// "FILE", "FILE=WEIGHT" or "FILE=WEIGHT,KEY=NUMBER,...", the keys those of this table.
constexpr std::pair<std::string_view, double TargetFile::*> kTargetKeys[] = {
    {",frozen=", &TargetFile::frozen},
    {",bonus=", &TargetFile::bonus},
    {",temperature=", &TargetFile::temperature}};

Result<TargetFile> target_file(const std::string& text) {
  const auto wrong = [&] {
    return fail(ErrorCode::kUsage,
                "--targets '" + text +
                    "': expected FILE, FILE=WEIGHT or "
                    "FILE=WEIGHT,frozen=W,bonus=B,temperature=T with numbers of 0 or more");
  };
  const auto number = [](std::string_view digits, double& value) {
    const char* end = digits.data() + digits.size();
    const auto [read, error] = std::from_chars(digits.data(), end, value);
    return error == std::errc() && read == end && value >= 0.0;
  };
  TargetFile file;
  std::string_view rest = text;
  // Keys are taken from the end, so that a path may hold commas.
  for (bool taken = true; taken;) {
    taken = false;
    for (const auto& [key, value] : kTargetKeys) {
      const size_t place = rest.rfind(key);
      if (place == std::string_view::npos || rest.find(',', place + 1) != std::string_view::npos) continue;
      if (!number(rest.substr(place + key.size()), file.*value)) return wrong();
      rest = rest.substr(0, place);
      taken = true;
    }
  }
  if (const size_t sign = rest.rfind('='); sign != std::string_view::npos) {
    if (!number(rest.substr(sign + 1), file.weight)) return wrong();
    rest = rest.substr(0, sign);
  }
  file.path = rest;
  return file;
}

// A whole number that torchrun tells its processes; `otherwise` where it says nothing sensible.
int told(const char* name, int otherwise) {
  const char* text = std::getenv(name);
  if (text == nullptr) return otherwise;
  const std::string_view given = text;
  int number = 0;
  const auto [end, error] = std::from_chars(given.data(), given.data() + given.size(), number);
  return error == std::errc() && end == given.data() + given.size() ? number : otherwise;
}

// What the flags leave open is as torchrun says, where it started this process.
Status settle_workers(AlignFlags& flags) {
  WorkersOptions& workers = flags.workers;
  if (workers.count == 1 && flags.meet.empty() && std::getenv("MASTER_ADDR") != nullptr) {
    workers.count = std::clamp(told("WORLD_SIZE", 1), 1, kMostWorkers);
    workers.rank = told("RANK", workers.rank);
  }
  if (workers.rank < 0 || workers.rank >= workers.count) {
    return fail(ErrorCode::kUsage, "--worker " + std::to_string(workers.rank) + " is none of --workers " +
                                       std::to_string(workers.count) + ": expected 0 to " +
                                       std::to_string(workers.count - 1));
  }
  std::string port = std::to_string(workers.port);
  if (!flags.meet.empty()) {
    const size_t colon = flags.meet.rfind(':');
    workers.host = flags.meet.substr(0, colon);
    port = colon == std::string::npos ? "" : flags.meet.substr(colon + 1);
  } else {
    if (const char* host = std::getenv("MASTER_ADDR")) workers.host = host;
    if (const char* given = std::getenv("MASTER_PORT")) port = given;
    const char* kept = std::getenv("TORCHELASTIC_USE_AGENT_STORE");
    workers.store_runs = kept != nullptr && std::string_view(kept) == "True";
  }
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), workers.port);
  if (error != std::errc() || end != port.data() + port.size() || workers.host.empty() || workers.port < 1 ||
      workers.port > 65535) {
    return fail(ErrorCode::kUsage, "--meet: expected HOST:PORT, found '" +
                                       (flags.meet.empty() ? workers.host + ":" + port : flags.meet) + "'");
  }
  return {};
}

// Flags of one group of --help.
class FlagGroup {
 public:
  FlagGroup(CLI::App& program, const char* name) : program_(program), name_(name) {}
  template <typename T>
  CLI::Option* add(const char* flag, T& target, const char* help) const {
    return program_.add_option(flag, target, help)->group(name_)->capture_default_str();
  }
  void add_switch(const char* flag, bool& target, const char* help) const {
    program_.add_flag(flag, target, help)->group(name_);
  }

 private:
  CLI::App& program_;
  const char* name_;
};

void add_preferences_flags(const FlagGroup& group, AlignFlags& flags) {
  AlignOptions& options = flags.options;
  group.add(
      "--graded", flags.graded,
      "A BEIR folder with graded judgements: "
      "dir=FOLDER,run=FILE (in the folder, or a path)[,split=NAME][,skip=N][,first=N][,depth=N][,weight=W]; "
      "several times for several");
  group.add(
      "--targets", flags.targets,
      "A teacher's scores, FILE or FILE=WEIGHT (docs/formats.md#teacher-scores); FILE=WEIGHT,frozen=W adds W "
      "times the frozen model's logits to them, ,bonus=B adds B for known positives, and ,temperature=T "
      "divides "
      "them in place of --temperature; "
      "several times for several");
  group.add("--held-out", flags.held_out,
            "Queries that say when to stop and which update is kept; form of --graded");
  group.add("--list-size", options.list_size, "Passages of a graded list")->check(between(2, 1000));
  group.add("--lists", options.lists, "Graded lists of a batch, which share their passages")
      ->check(at_least(1));
  group.add_switch("--fixed-lists", options.fixed_lists,
                   "As many lists as a data set has queries, the same every time, instead of ever new ones");
  group.add("--max-words", options.max_words, "A passage is cut after this many words, 0: not cut")
      ->check(at_least(0));
}

void add_model_flags(const FlagGroup& group, AlignFlags& flags) {
  group.add("--model", flags.model, model_help());
  group.add(
      "--from", flags.from,
      "Folder of an adapter to start from, with its heads unless --heads names others; the same --train and "
      "no lower --rank");
  group.add("--heads", flags.heads, "Heads that are trained: a head-set file, a list, or 'default'");
  group
      .add("--select", flags.select,
           "Instead of --heads: a method of `heads select` that finds them in the --graded data first")
      ->check(one_of(with_empty(selection_method_names())));
  group.add("--select-count", flags.select_count, "Heads wanted of --select; 0: the method's own number")
      ->check(at_least(0));
  group.add("--select-max-layer", flags.select_max_layer, "Heads of deeper layers are left out; -1: none");
  group.add("--select-queries", flags.select_queries, "Queries of each --graded set that --select looks at")
      ->check(at_least(1));
  group.add("--encoding", flags.encoding, "blocks or list; else as the head set says")
      ->check(one_of(with_empty(words_of(kEncodingWords))));
  group.add("--calibration", flags.calibration, "ratio, na or none; else as the head set says")
      ->check(one_of(with_empty(words_of(kCalibrationWords))));
  group.add("--token-filter", flags.token_filter, "low or none; else as the head set says")
      ->check(one_of(with_empty(words_of(kTokenFilterWords))));
  group.add("--rows", flags.rows, "Rows that are read; else as the head set says")
      ->check(one_of(with_empty(words_of(kRowsWords))));
  group.add("--template", flags.prompt_template, "Prompt template; else as the head set says");
}

void add_trained_flags(const FlagGroup& group, AlignFlags& flags) {
  TrainingModelOptions& training = flags.training;
  group.add("--train", flags.projections, "Projections")->delimiter(',')->check(one_of(projection_words()));
  group.add("--first-layer", training.first_layer, "Layers before it stay frozen")->check(at_least(0));
  group
      .add("--join", training.join,
           "In layers before it rows see no passages: for passages kept with --keep-budget 1,split=join:L "
           "(blocks)")
      ->check(at_least(0));
  group.add_switch("--whole-matrices", training.whole_matrices,
                   "Train the matrices instead of low-rank factors");
  group.add("--rank", training.rank, "Of the factors")->check(at_least(1));
  group.add("--alpha", training.alpha, "Scale of the change: alpha / rank");
  group.add_switch("--train-weights", flags.train_weights, "Train the heads' weights too");
  group.add("--gain", flags.gain, "Of the logits, at the start")->check(above(0.0));
}

void add_loss_flags(const FlagGroup& group, AlignFlags& flags) {
  AlignOptions& options = flags.options;
  group.add("--pairs", options.pairs.pairs, "Hardest pairs of each boundary between grades, 0: all")
      ->check(at_least(0));
  group.add("--pair-scale", options.pairs.scale, "Of a pair's margin")->check(above(0.0));
  group.add("--pair-margin", options.pairs.margin, "Asked for, in scaled units");
  group.add_switch("--reference", options.against_frozen, "Pair margins less the frozen model's");
  group.add("--regulariser", flags.regulariser, "Of graded lists")
      ->check(one_of({"kl", "var", "ent", "none"}));
  group.add("--regulariser-weight", options.regulariser_weight, "Its weight")->check(at_least(0.0));
  group.add("--graded-loss-weight", options.graded_loss_weight, "Of graded queries against a teacher's")
      ->check(at_least(0.0));
  group.add("--temperature", options.temperature, "Of the teacher's scores")->check(above(0.0));
}

void add_optimisation_flags(const FlagGroup& group, AlignFlags& flags) {
  AlignOptions& options = flags.options;
  group.add("--updates", options.updates, "At most")->check(at_least(1));
  group.add("--accumulate", options.accumulate, "Batches an update")->check(at_least(1));
  group.add("--learning-rate", options.learning_rate, "AdamW's")->check(above(0.0));
  group
      .add("--weights-learning-rate", options.weights_learning_rate,
           "Of gain and heads' weights; 0: they stay")
      ->check(at_least(0.0));
  group.add("--weight-decay", options.weight_decay, "AdamW's")->check(at_least(0.0));
  group.add("--warm-up", options.warm_up, "Share of the updates over which the learning rate rises")
      ->check(between(0.0, 1.0));
  group.add("--floor", options.floor, "Share of the learning rate that is left at the end")
      ->check(between(0.0, 1.0));
  group.add("--clip", options.clip, "Longest gradient, 0: any")->check(at_least(0.0));
  group
      .add("--average", options.average,
           "Decay of a running mean of what is trained: held-out queries judge it, and it is the result; 0: "
           "none")
      ->check(between(0.0, 0.99999));
  group.add("--seed", options.seed, "Of the first factors, lists and order");
  group.add("--evaluate-every", options.evaluate_every, "Updates; 0: at the start and the end alone")
      ->check(at_least(0));
  group.add("--patience", options.patience, "Evaluations without a better one before it stops; 0: never")
      ->check(at_least(0));
}

void add_machine_flags(const FlagGroup& group, AlignFlags& flags) {
  TrainingModelOptions& training = flags.training;
  group
      .add("--precision", flags.precision,
           "Of products; tf32: fp32 with a GPU's short mantissa, faster there")
      ->check(one_of({"fp32", "tf32", "bf16"}));
  group.add_switch("--checkpoint-layers", training.checkpoint, "Run every layer twice to need less memory");
  group.add(
      "--trunk-cache", training.trunk_cache,
      "Folder for what the layers below --first-layer make of each batch: they run once for each, not every "
      "time");
  group.add("--device", flags.device, "cpu, cuda, cuda:1");
  group.add("--threads", flags.threads, "0: as libtorch likes")->check(at_least(0));
  group
      .add(
          "--workers", flags.workers.count,
          "Processes that train together, started with the same flags; an update has --accumulate batches of "
          "each "
          "(under torchrun: as it says)")
      ->check(between(1, kMostWorkers));
  group.add("--worker", flags.workers.rank, "Which of them this one is, from 0; 0 writes the result")
      ->check(between(0, kMostWorkers - 1));
  group.add("--meet", flags.meet, "HOST:PORT where rank 0 listens for the others");
}

void add_result_flags(const FlagGroup& group, AlignFlags& flags) {
  AlignOptions& options = flags.options;
  group.add("--output", options.output, "Folder for the adapter, head set, model card, report and log");
  group.add("--checkpoint-every", options.checkpoint_every, "Updates")->check(at_least(1));
  group.add_switch("--finish", options.finish,
                   "Train no more: write the adapter from the folder's checkpoint, the best of its updates");
  group.add_switch("--restart", flags.restart, "Begin anew instead of going on from the folder's checkpoint");
}

}  // namespace

void add_align_flags(CLI::App& program, AlignFlags& flags) {
  add_preferences_flags({program, "Preferences"}, flags);
  add_model_flags({program, "Model"}, flags);
  add_trained_flags({program, "What is trained"}, flags);
  add_loss_flags({program, "Loss"}, flags);
  add_optimisation_flags({program, "Optimisation"}, flags);
  add_machine_flags({program, "Machine"}, flags);
  add_result_flags({program, "Result"}, flags);
}

Status settle_options(AlignFlags& flags) {
  AlignOptions& options = flags.options;
  if (options.output.empty()) return fail(ErrorCode::kUsage, "--output FOLDER is missing");
  const std::pair<const std::vector<std::string>*, std::vector<DataSetSpec>*> sets[] = {
      {&flags.graded, &options.graded}, {&flags.held_out, &options.held_out}};
  for (const auto& [texts, specs] : sets) {
    for (const std::string& text : *texts) {
      auto spec = parse_data_set(text);
      HW_RETURN_IF_ERROR(spec);
      specs->push_back(std::move(*spec));
    }
  }
  for (const std::string& text : flags.targets) {
    auto file = target_file(text);
    HW_RETURN_IF_ERROR(file);
    options.targets.push_back(std::move(*file));
  }
  if (!flags.select.empty() && flags.heads != "default") {
    return fail(ErrorCode::kUsage, "--select finds the heads and --heads says them: leave one out");
  }
  auto regulariser = regulariser_named(flags.regulariser);
  HW_RETURN_IF_ERROR(regulariser);
  options.regulariser = *regulariser;
  flags.training.targets.clear();
  for (const TensorRole& role : tensor_roles()) {
    const auto& words = flags.projections;
    if (role.adaptable && std::find(words.begin(), words.end(), role.word) != words.end()) {
      flags.training.targets.push_back(role.tensor);
    }
  }
  flags.training.seed = options.seed;
  HW_RETURN_IF_ERROR(settle_workers(flags));
  if (options.finish && (flags.restart || flags.workers.rank > 0)) {
    return fail(ErrorCode::kUsage,
                std::string("--finish takes what the checkpoint holds, in one process: leave ") +
                    (flags.restart ? "--restart" : "--worker") + " out");
  }
  flags.training.bf16 = flags.precision == "bf16";
  at::globalContext().setAllowTF32CuBLAS(flags.precision == "tf32");
  try {
    flags.training.device = torch::Device(flags.device);
  } catch (const c10::Error&) {
    return fail(ErrorCode::kUsage, "--device '" + flags.device + "': expected cpu, cuda or cuda:N");
  }
  if (flags.training.device.is_cuda() && !torch::cuda::is_available()) {
    return fail(ErrorCode::kUnsupported, "--device " + flags.device + ": this libtorch finds no CUDA device");
  }
  return {};
}

Json settings_json(const AlignFlags& flags, const HeadSet& set) {
  const AlignOptions& options = flags.options;
  const TrainingModelOptions& training = flags.training;
  Json json;
  json["graded"] = flags.graded;
  json["targets"] = flags.targets;
  json["held-out"] = flags.held_out;
  json["list-size"] = options.list_size;
  json["lists"] = options.lists;
  json["fixed-lists"] = options.fixed_lists;
  json["max-words"] = options.max_words;
  json["heads"] = set.selection().to_string();
  json["encoding"] = set.encoding;
  json["calibration"] = set.calibration;
  json["token-filter"] = set.token_filter;
  json["rows"] = set.rows;
  json["template"] = set.prompt_template;
  json["train"] = flags.projections;
  json["first-layer"] = training.first_layer;
  json["join"] = training.join;
  json["whole-matrices"] = training.whole_matrices;
  json["rank"] = training.rank;
  json["alpha"] = training.alpha;
  json["train-weights"] = flags.train_weights;
  json["gain"] = flags.gain;
  json["pairs"] = options.pairs.pairs;
  json["pair-scale"] = options.pairs.scale;
  json["pair-margin"] = options.pairs.margin;
  json["reference"] = options.against_frozen;
  json["regulariser"] = flags.regulariser;
  json["regulariser-weight"] = options.regulariser_weight;
  json["graded-loss-weight"] = options.graded_loss_weight;
  json["temperature"] = options.temperature;
  json["updates"] = options.updates;
  json["accumulate"] = options.accumulate;
  json["learning-rate"] = options.learning_rate;
  json["weights-learning-rate"] = options.weights_learning_rate;
  json["weight-decay"] = options.weight_decay;
  json["warm-up"] = options.warm_up;
  json["floor"] = options.floor;
  json["clip"] = options.clip;
  json["average"] = options.average;
  json["seed"] = options.seed;
  json["evaluate-every"] = options.evaluate_every;
  json["patience"] = options.patience;
  json["workers"] = flags.workers.count;
  json["precision"] = flags.precision;
  json["device"] = flags.device;
  return json;
}

}  // namespace headwise
