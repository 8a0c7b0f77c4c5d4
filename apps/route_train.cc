// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The verb `route train`: a router from labels, the stores they were made from, and the model.
#include <cstdio>
#include <memory>
#include <utility>

#include "base/check.h"
#include "common/app.h"
#include "common/diagnostics.h"
#include "common/model_path.h"
#include "common/output.h"
#include "common/progress_bar.h"
#include "common/signals.h"
#include "common/store_flags.h"
#include "common/value_checks.h"
#include "route/controls.h"
#include "route/query_embedding.h"
#include "route/routing_evaluation.h"

namespace headwise {
namespace {

struct TrainFlags : StoreFlags {
  TrainingOptions options;
  std::string labels;
  std::string model;
  std::string output;
  double dev_share = 0.2;
  int embedding_layer = -1;
  int fewest = 4;
  bool json = false;
};

Status print_result(const TrainFlags& flags, const Router& router, const TrainingSplit& split,
                    double static_dev, const std::vector<TrainingEpoch>& epochs) {
  if (flags.json) {
    Json json;
    json["train_queries"] = split.train.size();
    json["dev_queries"] = split.dev.size();
    json["dev_ndcg@10"] = router.dev_ndcg;
    json["static_dev_ndcg@10"] = static_dev;
    json["threshold"] = router.threshold;
    json["sparsity"] = router.sparsity;
    json["epochs"] = Json::array();
    for (const TrainingEpoch& epoch : epochs) {
      json["epochs"].push_back({{"sparsity", epoch.sparsity},
                                {"epoch", epoch.epoch},
                                {"loss", epoch.loss},
                                {"threshold", epoch.threshold},
                                {"dev_ndcg@10", epoch.dev_ndcg}});
    }
    return write_stdout(json_text(json) + "\n");
  }
  char text[400];
  std::snprintf(
      text, sizeof text,
      "trained on %zu queries, tuned on %zu others: nDCG@10 there %.4f routed, %.4f with the static set\n"
      "threshold %.2f, sparsity weight %.2f, %zu epochs in all; what routing brings on queries it never "
      "saw: `headwise route report`\n",
      split.train.size(), split.dev.size(), router.dev_ndcg, static_dev, router.threshold, router.sparsity,
      epochs.size());
  return write_stdout(text);
}

Status run_train(const TrainFlags& flags, const AppContext& context) {
  if (flags.labels.empty() || flags.output.empty()) {
    return fail(ErrorCode::kUsage, "--labels FILE and --output FILE are needed");
  }
  HW_RETURN_IF_ERROR(check_output_file(flags.output));
  auto labels = read_labels(flags.labels);
  if (!labels) return fail(std::move(labels.error()));
  auto stores = load_stores(flags, context);
  if (!stores) return fail(std::move(stores.error()));
  HW_RETURN_IF_ERROR(check_labels_fit(*labels, stores->manifest));
  auto path = resolve_model(flags.model);
  if (!path) return fail(std::move(path.error()));
  auto model = Model::load(*path, {.weights = ModelOptions::Weights::kFloat32});
  if (!model)
    return fail(std::move(model.error()).with_context("loading the model '" + path->string() + "'"));

  ThreadPool threads(flags.threads);
  Router described = describe_router(*labels, *stores, threads);
  described.embedding_layer =
      flags.embedding_layer < 0 ? usual_embedding_layer(**model) : flags.embedding_layer;
  described.fewest = std::min(flags.fewest, described.most);
  described.weights.inputs = (*model)->config().width;
  HW_RETURN_IF_ERROR(check_router(described, **model));

  auto embedder = QueryEmbedder::create(*model, described.embedding_layer, flags.threads);
  if (!embedder) return fail(std::move(embedder.error()));
  const StopSignals signals;
  ProgressBar bar(context.verb, context.quiet);
  std::vector<std::vector<float>> embeddings;
  for (const QueryLabel& label : labels->queries) {
    if (stop_signalled()) {
      bar.finish();
      return fail(ErrorCode::kCancelled, "interrupted while the queries were embedded; nothing was written");
    }
    auto embedding = embedder->embed(label.text);
    if (!embedding)
      return fail(std::move(embedding.error()).with_context("embedding query '" + label.id + "'"));
    embeddings.push_back(std::move(*embedding));
    bar.advance("queries", static_cast<int64_t>(embeddings.size()),
                static_cast<int64_t>(labels->queries.size()));
  }
  bar.finish();

  auto queries = training_queries(*labels, *stores, std::move(embeddings));
  if (!queries) return fail(std::move(queries.error()));
  const TrainingSplit split =
      split_training(*labels, std::move(*queries), flags.dev_share, flags.balanced(), flags.options.seed);
  auto trained = train_router(described, split.train, split.dev, flags.options, threads);
  if (!trained) return fail(std::move(trained.error()));
  Router& router = trained->router;

  // The control that may not look at the query: the same training without inputs; one set for all.
  TrainingOptions bias_only = flags.options;
  bias_only.bias_only = true;
  auto blind = train_router(described, split.train, split.dev, bias_only, threads);
  if (!blind) return fail(std::move(blind.error()));
  router.controls.push_back(
      {std::string(kBiasOnlyName), blind->router.choose(blind->router.probabilities({}))});

  Router fixed = router;
  fixed.threshold = 1.0;  // no head is that sure: the fallback for every query
  const double static_dev = routed_ndcg(fixed, split.dev);
  HW_RETURN_IF_ERROR(write_result(flags.output, format_router(router)));
  return print_result(flags, router, split, static_dev, trained->epochs);
}

}  // namespace

Action add_route_train(CLI::App& verb, AppContext& context) {
  auto flags = std::make_shared<TrainFlags>();
  add_store_flags(verb, *flags, false);
  verb.add_option("--labels", flags->labels, "File of `route label`")->group("Work");
  verb.add_option("--model", flags->model, model_help())->group("Work");
  TrainingOptions& options = flags->options;
  constexpr const char* kRouter = "Router";
  const auto add = [&](const char* name, auto& target, const char* help) {
    return verb.add_option(name, target, help)->group(kRouter)->capture_default_str();
  };
  add("--embedding-layer", flags->embedding_layer,
      "Layer whose hidden states embed the query; -1: at a fifth of the depth");
  add("--inner", options.inner, "Inner width")->check(at_least(1));
  add("--fewest", flags->fewest,
      "Heads above the threshold that a query must have; below, the static set is read")
      ->check(at_least(1));
  constexpr const char* kTraining = "Training";
  const auto train = [&](const char* name, auto& target, const char* help) {
    return verb.add_option(name, target, help)->group(kTraining)->capture_default_str();
  };
  train("--dev-share", flags->dev_share, "Share of each data set's queries held out for tuning")
      ->check(between(0.01, 0.9));
  train("--sparsities", options.sparsities, "Weights of the sparsity term that are tried")->delimiter(',');
  train("--thresholds", options.thresholds, "Thresholds that are tried")->delimiter(',');
  train("--learning-rate", options.learning_rate, "AdamW's")->check(above(0.0));
  train("--weight-decay", options.weight_decay, "AdamW's, decoupled")->check(at_least(0.0));
  train("--batch", options.batch, "Queries a step")->check(at_least(1));
  train("--epochs", options.epochs, "At most")->check(at_least(1));
  train("--patience", options.patience, "Epochs without a better dev ranking before it stops")
      ->check(at_least(1));
  train("--positive-weight", options.positive_weight, "Weight of a label's heads in the loss")
      ->check(above(0.0));
  train("--seed", options.seed, "Of the split, the first weights and the order");
  verb.add_option("--output", flags->output, "Router file (.safetensors)")->group("Result");
  verb.add_flag("--json", flags->json, "One JSON object, with every epoch, instead of a text")
      ->group("Result");
  return [flags, &context] { return run_train(*flags, context); };
}

}  // namespace headwise
