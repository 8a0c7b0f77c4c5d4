// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "align/graph/training_model.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "align/graph/attention.h"
#include "align/graph/readout.h"
#include "align/graph/recomputed.h"
#include "base/check.h"
#include "model/rotary.h"
#include "model/weights.h"

namespace headwise {

using torch::Tensor;

namespace {

Tensor matrix_of(const ModelWeights& weights, int layer, LayerTensor tensor) {
  const std::vector<float> values = weights.values(layer, tensor);
  if (values.empty()) return {};
  const std::vector<int64_t>& shape =
      weights.layers[static_cast<size_t>(layer)][static_cast<size_t>(tensor)].shape;
  return torch::tensor(values).view(shape);
}

Status check_options(const ModelConfig& config, const TrainingModelOptions& options) {
  if (options.deepest_layer < 0 || options.deepest_layer >= config.layers) {
    return fail(ErrorCode::kUsage, "the deepest layer read must lie in 0.." +
                                       std::to_string(config.layers - 1) + ", found " +
                                       std::to_string(options.deepest_layer));
  }
  if (options.first_layer < 0 || options.first_layer > options.deepest_layer) {
    return fail(ErrorCode::kUsage,
                "the first trained layer must lie in 0.." + std::to_string(options.deepest_layer) +
                    " (the deepest layer read), found " + std::to_string(options.first_layer));
  }
  if (options.join < 0 || options.join > options.deepest_layer) {
    return fail(ErrorCode::kUsage, "--join must lie in 0.." + std::to_string(options.deepest_layer) +
                                       " (the deepest layer read), found " + std::to_string(options.join));
  }
  if (options.targets.empty()) return fail(ErrorCode::kUsage, "no projection is to be trained");
  return {};
}

bool is_trained(LayerTensor tensor, int layer, const TrainingModelOptions& options) {
  if (layer < options.first_layer) return false;
  const auto& targets = options.targets;
  if (std::find(targets.begin(), targets.end(), tensor) == targets.end()) return false;
  // Of the deepest layer only queries and keys are computed.
  return layer < options.deepest_layer || tensor == LayerTensor::kQuery || tensor == LayerTensor::kKey;
}

// The change to a matrix [out, in], at its start: none.
Result<TrainedMatrix> start_of(int layer, LayerTensor tensor, const Tensor& value,
                               const TrainingModelOptions& options, torch::Generator& random) {
  TrainedMatrix matrix{layer, tensor, {}, {}};
  const int64_t out = value.size(0);
  const int64_t in = value.size(1);
  if (options.whole_matrices) {
    matrix.a = torch::zeros({out, in});
  } else {
    if (options.rank < 1 || options.rank > std::min(out, in)) {
      return fail(ErrorCode::kUsage, "--rank must lie in 1.." + std::to_string(std::min(out, in)) +
                                         " for this model, found " + std::to_string(options.rank));
    }
    // PEFT's start: a uniform as in a linear layer (kaiming_uniform with sqrt 5), b zero.
    matrix.a = (torch::rand({options.rank, in}, random) * 2 - 1) / std::sqrt(static_cast<double>(in));
    matrix.b = torch::zeros({out, options.rank});
    matrix.b = matrix.b.to(options.device).requires_grad_(true);
  }
  matrix.a = matrix.a.to(options.device).requires_grad_(true);
  return matrix;
}

Tensor embedding_of(const ModelWeights& weights) {
  Tensor embedding = torch::empty({weights.config.vocabulary, weights.config.width});
  for (int64_t id = 0; id < weights.config.vocabulary; ++id) {
    weights.embed(static_cast<int32_t>(id), embedding.data_ptr<float>() + id * weights.config.width);
  }
  if (weights.spec.embedding_multiplier != 1.0) embedding *= weights.spec.embedding_multiplier;
  return embedding;
}

}  // namespace

Result<TrainingModel> TrainingModel::create(const Model& model, const TrainingModelOptions& options) {
  const ModelWeights& weights = model.weights();
  HW_RETURN_IF_ERROR(check_options(weights.config, options));
  if (const auto missing = not_trained(weights.spec, weights.config); !missing.empty()) {
    std::string list;
    for (const std::string& phrase : missing) list += (list.empty() ? "" : "; ") + phrase;
    return fail(ErrorCode::kUnsupported,
                "this model cannot be trained here, its layers have what training has not: " + list +
                    "; train another model (ranking with this one works)");
  }
  TrainingModel made;
  made.config_ = weights.config;
  made.spec_ = weights.spec;
  if (!options.trunk_cache.empty() && options.first_layer > 0) {
    made.trunk_cache_ = std::make_shared<TrunkCache>(
        options.trunk_cache, Trunk{model.fingerprint(), options.first_layer, options.bf16, options.join});
  }
  made.options_ = options;
  made.compute_ = options.bf16 ? torch::kBFloat16 : torch::kFloat32;
  made.embedding_ = embedding_of(weights).to(options.device);
  torch::Generator random = torch::make_generator<at::CPUGeneratorImpl>(options.seed);
  for (int layer = 0; layer <= options.deepest_layer; ++layer) {
    HW_RETURN_IF_ERROR(made.add_layer(weights, layer, random));
  }
  for (const RotarySpec& rotary : made.spec_.rotary) made.add_rotary(rotary);
  return made;
}

Status TrainingModel::add_layer(const ModelWeights& weights, int layer, torch::Generator& random) {
  Layer& added = layers_.emplace_back();
  added.trained.fill(-1);
  for (const TensorRole& role : tensor_roles()) {
    const Tensor value = matrix_of(weights, layer, role.tensor);
    if (!value.defined()) continue;
    // Matrices and biases in the type that products are computed in; norms stay fp32.
    added.tensors[static_cast<size_t>(role.tensor)] =
        value.to(options_.device, role.kind == TensorKind::kNorm ? torch::kFloat32 : compute_);
    if (!is_trained(role.tensor, layer, options_)) continue;
    auto matrix = start_of(layer, role.tensor, value, options_, random);
    HW_RETURN_IF_ERROR(matrix);
    added.trained[static_cast<size_t>(role.tensor)] = static_cast<int>(matrices_.size());
    matrices_.push_back(std::move(*matrix));
  }
  return {};
}

void TrainingModel::add_rotary(const RotarySpec& spec) {
  RotaryTable rotary(spec);
  const int64_t positions = std::min<int64_t>(config_.context, 32768);
  rotary.prepare(positions);
  const auto table = [&](const float* values) {
    const Tensor own = torch::from_blob(const_cast<float*>(values), {positions, spec.width / 2}).clone();
    return torch::cat({own, own}, 1).to(options_.device);
  };
  rotary_.push_back({table(rotary.cos(0)), table(rotary.sin(0))});
}

void TrainingModel::keep_change(int64_t layer, LayerTensor tensor, const Tensor& a, const Tensor& b) {
  HW_CHECK(layer < options_.first_layer && a.size(0) == b.size(1));
  TrainedMatrix matrix{layer, tensor, {}, {}, true};
  if (options_.whole_matrices) {
    matrix.a = torch::matmul(b, a).to(options_.device);
  } else {
    const int64_t more = options_.rank - a.size(0);
    matrix.a = torch::constant_pad_nd(a, {0, 0, 0, more}).to(options_.device);
    matrix.b = (torch::constant_pad_nd(b, {0, more}) / scale()).to(options_.device);
  }
  if (trunk_cache_) trunk_cache_->add_change(layer, static_cast<int>(tensor), matrix.a, matrix.b);
  layers_[static_cast<size_t>(layer)].trained[static_cast<size_t>(tensor)] =
      static_cast<int>(matrices_.size());
  matrices_.push_back(std::move(matrix));
}

std::vector<Tensor> TrainingModel::parameters() const {
  std::vector<Tensor> all;
  for (const TrainedMatrix& matrix : matrices_) {
    if (matrix.fixed) continue;
    all.push_back(matrix.a);
    if (matrix.b.defined()) all.push_back(matrix.b);
  }
  return all;
}

Tensor TrainingModel::linear(const Tensor& x, int layer, LayerTensor tensor) const {
  const Layer& tensors = layers_[static_cast<size_t>(layer)];
  const Tensor& weight = tensors[tensor];
  const Tensor& added = tensors[bias_of(tensor)];
  const int place = tensors.trained[static_cast<size_t>(tensor)];
  if (place < 0 || frozen_) return torch::nn::functional::linear(x, weight, added);
  const TrainedMatrix& matrix = matrices_[static_cast<size_t>(place)];
  if (!matrix.b.defined()) return torch::nn::functional::linear(x, weight + matrix.a.to(compute_), added);
  const Tensor low = torch::nn::functional::linear(x, matrix.a.to(compute_));
  return torch::nn::functional::linear(x, weight, added) +
         torch::nn::functional::linear(low, (matrix.b * scale()).to(compute_));
}

Tensor TrainingModel::norm(const Tensor& x, int layer, LayerTensor tensor) const {
  const double epsilon = spec_.layers[static_cast<size_t>(layer)].norm_epsilon;
  const Tensor& weight = layers_[static_cast<size_t>(layer)][tensor];
  return (x * torch::rsqrt(x.pow(2).mean(-1, true) + epsilon) * weight).to(compute_);
}

Tensor TrainingModel::rotate(const Tensor& x, int layer, const Tensor& positions) const {
  const int place = spec_.layers[static_cast<size_t>(layer)].rotary;
  if (place == kNoRotary) return x;
  const Rotary& table = rotary_[static_cast<size_t>(place)];
  const Tensor cos = table.cos.index_select(0, positions).unsqueeze(1).to(compute_);
  const Tensor sin = table.sin.index_select(0, positions).unsqueeze(1).to(compute_);
  const int64_t width = cos.size(-1);
  const int64_t half = width / 2;
  const Tensor turned = x.slice(-1, 0, width);
  const Tensor out =
      turned * cos + torch::cat({-turned.slice(-1, half), turned.slice(-1, 0, half)}, -1) * sin;
  return width == x.size(-1) ? out : torch::cat({out, x.slice(-1, width)}, -1);
}

Tensor TrainingModel::project(const Tensor& x, int layer, LayerTensor tensor) const {
  return linear(x, layer, tensor).view({x.size(0), -1, config_.head_width});
}

Tensor TrainingModel::project_and_turn(const Tensor& x, int layer, LayerTensor tensor, LayerTensor head_norm,
                                       const Tensor& positions) const {
  const LayerSpec& spec = spec_.layers[static_cast<size_t>(layer)];
  Tensor out = project(x, layer, tensor);
  if (spec.qk_norm) out = norm(out.to(torch::kFloat32), layer, head_norm);
  if (spec.wide_qk_norm) {
    const LayerTensor wide =
        tensor == LayerTensor::kQuery ? LayerTensor::kQueryWideNorm : LayerTensor::kKeyWideNorm;
    out = norm(out.to(torch::kFloat32).flatten(1), layer, wide).view(out.sizes());
  }
  return rotate(out, layer, positions);
}

Tensor TrainingModel::run_mlp(const Tensor& after, int layer) const {
  const LayerSpec& spec = spec_.layers[static_cast<size_t>(layer)];
  const Tensor middle = spec.norm_before_mlp ? norm(after, layer, LayerTensor::kFfnNorm) : after.to(compute_);
  const Tensor gate = linear(middle, layer, LayerTensor::kGate);
  const Tensor active = spec.activation == Activation::kSilu ? torch::silu(gate) : torch::gelu(gate, "tanh");
  const Tensor gated = active * linear(middle, layer, LayerTensor::kUp);
  return add(after, linear(gated, layer, LayerTensor::kDown), layer, LayerTensor::kFfnPostNorm);
}

Tensor TrainingModel::add(const Tensor& stream, const Tensor& added, int layer, LayerTensor post_norm) const {
  const LayerSpec& spec = spec_.layers[static_cast<size_t>(layer)];
  const bool normed =
      post_norm == LayerTensor::kFfnPostNorm ? spec.norm_after_mlp : spec.norm_after_attention;
  const Tensor last = normed ? norm(added.to(torch::kFloat32), layer, post_norm) : added;
  return stream + (spec.residual_multiplier == 1.0 ? last : last * spec.residual_multiplier);
}

Tensor TrainingModel::enter(const Tensor& hidden, int layer) const {
  return spec_.layers[static_cast<size_t>(layer)].norm_before_attention
             ? norm(hidden, layer, LayerTensor::kAttentionNorm)
             : hidden.to(compute_);
}

Tensor TrainingModel::leave(const Tensor& hidden, const Tensor& attention, int layer) const {
  const Tensor mixed = linear(attention.reshape({hidden.size(0), -1}), layer, LayerTensor::kOutput);
  return run_mlp(add(hidden, mixed, layer, LayerTensor::kAttentionPostNorm), layer);
}

std::vector<Tensor> TrainingModel::run_layer(int layer, const Tensor& hidden, const PromptTensors& prompt,
                                             const std::vector<int>& heads) const {
  const bool deepest = layer == options_.deepest_layer;
  const double scale = spec_.layers[static_cast<size_t>(layer)].query_scale;
  const int64_t K = config_.kv_heads;

  const Tensor normed = enter(hidden, layer);
  const Tensor k =
      project_and_turn(normed, layer, LayerTensor::kKey, LayerTensor::kKeyNorm, prompt.positions);
  // The deepest layer's queries are those of the rows that are read.
  const int64_t first_row = deepest ? prompt.instruction_begin : 0;
  const Tensor q = project_and_turn(normed.slice(0, first_row), layer, LayerTensor::kQuery,
                                    LayerTensor::kQueryNorm, prompt.positions.slice(0, first_row));
  const bool apart = layer < options_.join;
  const PromptTensors rows = apart ? without_slots(prompt) : prompt;
  const auto seen = [&](const Tensor& x) { return apart ? leave_slots_out(x, prompt) : x; };
  const graph::TailAttention tail =
      graph::attend_tail(q.slice(0, prompt.instruction_begin - first_row) * scale, seen(k), rows, K);
  std::vector<Tensor> out{Tensor()};
  for (const int head : heads) {
    out.push_back(apart ? graph::no_attention(prompt) : graph::mean_attention(tail, head, prompt));
  }
  if (deepest) return out;

  const Tensor v = project(normed, layer, LayerTensor::kValue);
  const auto base = [&](const Tensor& x) { return x.slice(0, 0, prompt.base); };
  std::vector<Tensor> mixed{graph::attend_causally(base(q), base(k), base(v), K, scale)};
  if (prompt.slot_tokens.defined()) mixed.push_back(graph::attend_slots(q, k, v, prompt, K, scale));
  mixed.push_back(graph::mix_tail(tail, seen(v), rows, K));
  out.front() = leave(hidden, torch::cat(mixed, 0), layer);
  return out;
}

Tensor TrainingModel::run_causally(int layer, const Tensor& hidden, const Tensor& positions) const {
  const Tensor normed = enter(hidden, layer);
  const Tensor k = project_and_turn(normed, layer, LayerTensor::kKey, LayerTensor::kKeyNorm, positions);
  const Tensor q = project_and_turn(normed, layer, LayerTensor::kQuery, LayerTensor::kQueryNorm, positions);
  const Tensor attention =
      graph::attend_causally(q, k, project(normed, layer, LayerTensor::kValue), config_.kv_heads,
                             spec_.layers[static_cast<size_t>(layer)].query_scale);
  return leave(hidden, attention, layer);
}

Tensor TrainingModel::trunk_by_slots(const PromptTensors& prompt) const {
  const PromptTensors rows = rows_alone(prompt);
  Tensor of_rows = embedding_.index_select(0, rows.ids);
  for (int layer = 0; layer < options_.first_layer; ++layer)
    of_rows = run_layer(layer, of_rows, rows, {}).front();
  std::vector<Tensor> parts{of_rows.slice(0, 0, prompt.base)};
  const Tensor base = torch::arange(prompt.base, prompt.slot_tokens.options());
  for (int64_t slot = 0; slot < prompt.slot_tokens.size(0); ++slot) {
    // Behind its end stands its last token again.
    const Tensor own = std::get<0>(torch::unique_consecutive(prompt.slot_tokens[slot]));
    const Tensor tokens = torch::cat({base, own});
    const Tensor ids = prompt.ids.index_select(0, tokens);
    const std::string key = trunk_cache_->key(ids, prompt.base, frozen_);
    if (const auto kept = trunk_cache_->find(key)) {
      parts.push_back(kept->front().to(options_.device));
      continue;
    }
    const Tensor positions = prompt.positions.index_select(0, tokens);
    Tensor hidden = embedding_.index_select(0, ids);
    for (int layer = 0; layer < options_.first_layer; ++layer)
      hidden = run_causally(layer, hidden, positions);
    parts.push_back(hidden.slice(0, prompt.base));
    trunk_cache_->put(key, {parts.back()});
  }
  parts.push_back(of_rows.slice(0, prompt.base));
  return torch::cat(parts);
}

ReadAttention TrainingModel::read(const PromptTensors& prompt, std::span<const HeadId> heads) const {
  ReadAttention attention(heads.size());
  const bool checkpoint = options_.checkpoint && torch::GradMode::is_enabled();
  const bool by_slots = keeps_slots(prompt);
  Tensor hidden;
  int layer = 0;
  const std::string key = trunk_cache_ && !by_slots ? trunk_cache_->key(prompt, heads, frozen_) : "";
  const auto kept = trunk_cache_ && !by_slots ? trunk_cache_->find(key) : std::nullopt;
  if (by_slots) {
    layer = options_.first_layer;
    hidden = trunk_by_slots(prompt);
    for (size_t i = 0; i < heads.size(); ++i) {
      if (heads[i].layer < layer) attention[i] = graph::no_attention(prompt);
    }
  } else if (kept) {
    layer = options_.first_layer;
    hidden = kept->front().to(options_.device);
    size_t next = 1;
    for (size_t i = 0; i < heads.size(); ++i) {
      if (heads[i].layer < layer) attention[i] = (*kept)[next++].to(options_.device);
    }
  } else {
    hidden = embedding_.index_select(0, prompt.ids);
  }
  for (; layer <= options_.deepest_layer; ++layer) {
    if (trunk_cache_ && !by_slots && !kept && layer == options_.first_layer) {
      std::vector<Tensor> values{hidden};
      for (size_t i = 0; i < heads.size(); ++i) {
        if (heads[i].layer < layer) values.push_back(attention[i]);
      }
      trunk_cache_->put(key, values);
    }
    std::vector<int> wanted;
    std::vector<size_t> places;
    for (size_t i = 0; i < heads.size(); ++i) {
      if (heads[i].layer != layer) continue;
      wanted.push_back(heads[i].head);
      places.push_back(i);
    }
    std::vector<Tensor> out;
    if (checkpoint) {
      out = graph::recomputed(
          [this, prompt, layer, wanted](const Tensor& x) { return run_layer(layer, x, prompt, wanted); },
          hidden);
      if (layer == options_.deepest_layer) out.insert(out.begin(), Tensor());
    } else {
      out = run_layer(layer, hidden, prompt, wanted);
    }
    for (size_t i = 0; i < places.size(); ++i) attention[places[i]] = out[i + 1];
    hidden = out.front();
  }
  return attention;
}

Tensor TrainingModel::head_values(const PromptTensors& prompt, std::span<const HeadId> heads,
                                  Calibration calibration, TokenFilter filter) const {
  std::vector<Tensor> values;
  for (const Tensor& attention : read(prompt, heads)) {
    values.push_back(graph::passage_values(attention, prompt, calibration, filter));
  }
  return torch::stack(values, 1);
}

}  // namespace headwise
