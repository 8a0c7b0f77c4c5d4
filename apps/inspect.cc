// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The verb `inspect`: what a model holds, what it costs, what of it is not supported. A model that this build
// cannot run is no error here: saying so is what the verb is for.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>

#include "base/digits.h"
#include "base/tensor.h"
#include "common/app.h"
#include "common/model_path.h"
#include "common/output.h"
#include "common/terminal.h"
#include "headwise/head_set.h"
#include "model/description.h"
#include "model/layer_spec.h"

namespace headwise {
namespace {

struct InspectOptions {
  std::string model;
  bool json = false;
  bool tensors = false;
};

constexpr std::string_view scaling_name(RopeScaling::Kind kind) {
  switch (kind) {
    case RopeScaling::Kind::kLinear:
      return "linear";
    case RopeScaling::Kind::kLlama3:
      return "llama3";
    case RopeScaling::Kind::kYarn:
      return "yarn";
    default:
      return "none";
  }
}

std::string number(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.10g", value);
  return text.data();
}

Json rope_json(const ModelConfig& config) {
  const RopeScaling& scaling = config.rope_scaling;
  Json rope{{"theta", config.rope_theta}, {"scaling", scaling_name(scaling.kind)}};
  if (scaling.kind == RopeScaling::Kind::kNone) return rope;
  if (!scaling.frequency_divisors.empty()) {
    rope["frequency_divisors"] = scaling.frequency_divisors;
    return rope;
  }
  rope["factor"] = scaling.factor;
  if (scaling.kind == RopeScaling::Kind::kLinear) return rope;
  rope["original_context"] = scaling.original_context;
  if (scaling.kind == RopeScaling::Kind::kLlama3) {
    rope["low_freq_factor"] = scaling.low_freq_factor;
    rope["high_freq_factor"] = scaling.high_freq_factor;
    return rope;
  }
  rope["beta_fast"] = scaling.beta_fast;
  rope["beta_slow"] = scaling.beta_slow;
  rope["attention_factor"] = scaling.attention_factor;
  rope["truncate"] = scaling.truncate;
  return rope;
}

// What a family adds to the plain decoder, in words.
std::vector<std::string> features(const ModelConfig& config) {
  std::vector<std::string> words;
  if (config.qkv_bias) words.emplace_back("biases on q, k, v");
  if (config.output_bias) words.emplace_back("bias on the attention output");
  if (config.mlp_bias) words.emplace_back("biases in the MLP");
  if (config.qk_norm) words.emplace_back("norms of q and k");
  if (config.tied_embeddings) words.emplace_back("tied embeddings");
  if (config.permuted_qk) words.emplace_back("q and k rows stored interleaved");
  return words;
}

// The head set beside an adapter, told in one line.
std::string heads_line(const std::filesystem::path& folder) {
  const auto file = head_set_beside(folder);
  if (!file) return "none beside it (heads.json)";
  const auto set = read_head_set(*file);
  if (!set) return "heads.json cannot be read: " + set.error().message();
  int first = set->heads.front().layer, last = first;
  for (const HeadId head : set->heads) {
    first = std::min(first, head.layer);
    last = std::max(last, head.layer);
  }
  return std::to_string(set->heads.size()) + " of layers " + std::to_string(first) + "-" +
         std::to_string(last) + (set->model.empty() ? "" : ", for " + set->model);
}

Json adapter_json(const std::string& path, const DescribedAdapter& adapter) {
  return {{"rank", adapter.rank},
          {"alpha", adapter.alpha},
          {"rank_stabilised", adapter.rank_stabilised},
          {"base_model", adapter.base_model},
          {"matrices", adapter.matrices},
          {"layers", {adapter.first_layer, adapter.last_layer}},
          {"projections", adapter.projections},
          {"heads", heads_line(path)}};
}

Json to_json(const std::string& path, const ModelDescription& model, bool with_tensors) {
  Json json{{"path", path}, {"format", model.format}};
  if (model.adapter) {
    json["adapter"] = adapter_json(path, *model.adapter);
    json["unsupported"] = model.unsupported;
  }
  if (model.config) {
    json["supported"] = model.loads();
    json["unsupported"] = model.unsupported;
    json["fingerprint"] = model.loads() ? Json(model.fingerprint) : Json(nullptr);
    const ModelConfig& config = *model.config;
    json["architecture"] = config.architecture;
    json["name"] = config.name;
    json["layers"] = config.layers;
    json["heads"] = config.heads;
    json["kv_heads"] = config.kv_heads;
    json["head_width"] = config.head_width;
    json["width"] = config.width;
    json["ffn_width"] = config.ffn_width;
    if (config.experts > 0) {
      json["experts"] = {{"count", config.experts},
                         {"used", config.experts_used},
                         {"width", config.expert_width},
                         {"layers_without", config.layers_without_experts}};
    }
    json["vocabulary"] = config.vocabulary;
    json["context"] = config.context;
    json["norm_epsilon"] = config.norm_epsilon;
    json["rope"] = rope_json(config);
    json["features"] = features(config);
  }
  if (model.tokenizer) {
    json["tokenizer"] = {{"kind", model.tokenizer->kind},
                         {"vocabulary", model.tokenizer->vocabulary},
                         {"chat_format", model.tokenizer->chat_format}};
  } else {
    json["tokenizer"] = nullptr;
  }
  Json types = Json::array();
  for (const TensorTypeTotal& total : model.tensor_types) {
    types.push_back({{"type", total.type},
                     {"tensors", total.tensors},
                     {"values", total.values},
                     {"bytes", total.bytes},
                     {"readable", total.readable}});
  }
  json["tensor_types"] = types;
  if (model.memory) {
    json["memory"] = {{"stored_weights", model.memory->stored_weights},
                      {"float_weights", model.memory->float_weights},
                      {"largest_layer", model.memory->largest_layer},
                      {"per_1000_tokens", model.memory->per_1000_tokens}};
  }
  if (!with_tensors) return json;
  Json tensors = Json::array();
  for (const DescribedTensor& tensor : model.tensors) {
    tensors.push_back(
        {{"name", tensor.name}, {"type", tensor.type}, {"shape", tensor.shape}, {"bytes", tensor.bytes}});
  }
  json["tensors"] = tensors;
  return json;
}

// Two columns; names from files are made fit for a terminal.
class Sheet {
 public:
  void row(std::string_view label, std::string_view value) {
    text_ += pad_to_columns(label, kLabelColumns) + cut_to_columns(value, kValueColumns) + "\n";
  }
  // For what this file put together itself: columns within it stay.
  void aligned_row(std::string_view label, std::string_view value) {
    text_ += pad_to_columns(label, kLabelColumns) + std::string(value) + "\n";
  }
  void line(std::string_view value) { text_ += std::string(value) + "\n"; }
  const std::string& text() const { return text_; }

 private:
  static constexpr int kLabelColumns = 20;
  static constexpr int kValueColumns = 4000;
  std::string text_;
};

void add_config(const ModelConfig& config, Sheet& sheet) {
  sheet.row("architecture", config.architecture + (config.name.empty() ? "" : " (" + config.name + ")"));
  if (config.layers == 0) return;  // an architecture of which not even the shape could be read
  sheet.row("layers x heads", std::to_string(config.layers) + " x " + std::to_string(config.heads) + " (" +
                                  std::to_string(config.kv_heads) + " key/value heads of width " +
                                  std::to_string(config.head_width) + ")");
  sheet.row("width", std::to_string(config.width) + ", feed-forward " + std::to_string(config.ffn_width));
  if (config.experts > 0) {
    sheet.row("experts", std::to_string(config.experts) + " of width " + std::to_string(config.expert_width) +
                             ", a token uses " + std::to_string(config.experts_used) +
                             (config.layers_without_experts.empty()
                                  ? ""
                                  : "; none in " + layers_text(config.layers_without_experts)));
  }
  sheet.row("vocabulary", grouped_digits(config.vocabulary));
  sheet.row("context", grouped_digits(config.context) + " tokens");
  std::string rope = "base " + number(config.rope_theta);
  if (config.rope_scaling.kind != RopeScaling::Kind::kNone) {
    rope += ", scaling " + std::string(scaling_name(config.rope_scaling.kind));
    rope += config.rope_scaling.frequency_divisors.empty() ? " by " + number(config.rope_scaling.factor)
                                                           : " by the file's own divisors";
  }
  sheet.row("rotary positions", rope);
  std::string words;
  for (const std::string& word : features(config)) words += (words.empty() ? "" : ", ") + word;
  if (!words.empty()) sheet.row("features", words);
}

void add_adapter(const std::string& path, const DescribedAdapter& adapter, Sheet& sheet) {
  if (!adapter.base_model.empty()) sheet.row("base model", adapter.base_model);
  if (adapter.rank > 0) {
    sheet.row("rank", std::to_string(adapter.rank) + ", alpha " + number(adapter.alpha) +
                          (adapter.rank_stabilised ? ", rank-stabilised" : ""));
  }
  std::string projections;
  for (const std::string& name : adapter.projections) projections += (projections.empty() ? "" : ", ") + name;
  sheet.row("changes", std::to_string(adapter.matrices) + " matrices of layers " +
                           std::to_string(adapter.first_layer) + "-" + std::to_string(adapter.last_layer) +
                           ": " + projections);
  sheet.row("heads", heads_line(path));
}

std::string to_text(const std::string& path, const ModelDescription& model, bool with_tensors) {
  Sheet sheet;
  sheet.row("model", path);
  sheet.row("format", model.format);
  if (model.config) add_config(*model.config, sheet);
  if (model.adapter) add_adapter(path, *model.adapter, sheet);
  if (model.tokenizer) {
    sheet.row("tokenizer", model.tokenizer->kind + ", " + grouped_digits(model.tokenizer->vocabulary) +
                               " tokens, chat format " + model.tokenizer->chat_format);
  }
  for (const TensorTypeTotal& total : model.tensor_types) {
    sheet.aligned_row(&total == &model.tensor_types.front() ? "tensors" : "",
                      pad_to_columns(cut_to_columns(total.type, 14), 8) +
                          pad_to_columns(grouped_digits(total.tensors), 6, false) + " tensors " +
                          pad_to_columns(grouped_digits(total.values), 16, false) + " values " +
                          (total.readable ? pad_to_columns(bytes_text(total.bytes), 10, false)
                                          : "  (this build does not read them)"));
  }
  if (model.memory) {
    sheet.row("memory, weights", bytes_text(model.memory->stored_weights) + " as stored, plus " +
                                     bytes_text(model.memory->largest_layer) +
                                     " for the layer at work;  or " +
                                     bytes_text(model.memory->float_weights) + " more with --weights fp32");
    sheet.row("memory, prompt", bytes_text(model.memory->per_1000_tokens) + " per 1,000 tokens");
  }
  if (model.loads()) sheet.row("fingerprint", model.fingerprint);
  if (model.config) sheet.row("supported", model.loads() ? "yes" : "no");
  for (const std::string& phrase : model.unsupported) sheet.row("  not supported", phrase);
  if (!with_tensors) return sheet.text();
  sheet.line("");
  for (const DescribedTensor& tensor : model.tensors) {
    sheet.line(pad_to_columns(cut_to_columns(tensor.name, 60), 44) + " " +
               pad_to_columns(cut_to_columns(tensor.type, 14), 8) + " " + shape_text(tensor.shape));
  }
  return sheet.text();
}

}  // namespace

Action add_inspect(CLI::App& verb, AppContext&) {
  auto options = std::make_shared<InspectOptions>();
  verb.add_option("--model,model", options->model, model_help());
  verb.add_flag("--json", options->json, "One JSON object instead of a table");
  verb.add_flag("--tensors", options->tensors, "Every tensor's name, type and shape too");
  return [options]() -> Status {
    auto path = resolve_model(options->model);
    if (!path) return fail(std::move(path.error()));
    auto model = describe_model(*path);
    if (!model) return fail(std::move(model.error()).with_context("inspecting '" + path->string() + "'"));
    if (options->json)
      return write_stdout(json_text(to_json(path->string(), *model, options->tensors)) + "\n");
    return write_stdout(to_text(path->string(), *model, options->tensors));
  };
}

}  // namespace headwise
