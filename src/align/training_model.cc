// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "align/training_model.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "base/check.h"
#include "model/rotary.h"
#include "model/weights.h"
#include "rerank/scoring.h"

namespace headwise {

using torch::Tensor;
using torch::indexing::Slice;

// Runs a layer twice: forward without a graph, and again when its gradients are wanted. The parameters get
// their gradients from the backward pass inside.
class CheckpointedLayer : public torch::autograd::Function<CheckpointedLayer> {
 public:
  struct Call : torch::CustomClassHolder {
    Call(const TrainingModel* of, PromptTensors tensors, int number, std::vector<int> read)
        : model(of), prompt(std::move(tensors)), layer(number), heads(std::move(read)) {}
    std::vector<Tensor> run(const Tensor& hidden) const {
      return model->run_layer(layer, hidden, prompt, heads);
    }

    const TrainingModel* model;
    PromptTensors prompt;
    int layer;
    std::vector<int> heads;
  };

  // `anchor` needs a gradient, so that the layer gets one even when its input needs none (the first layer).
  static torch::autograd::variable_list forward(torch::autograd::AutogradContext* context,
                                                const Tensor& hidden, const Tensor& anchor,
                                                const c10::intrusive_ptr<Call>& call) {
    (void)anchor;
    context->save_for_backward({hidden});
    context->saved_data["call"] = c10::IValue::make_capsule(call);
    torch::NoGradGuard no_grad;
    torch::autograd::variable_list out;
    for (Tensor& tensor : call->run(hidden)) {
      if (tensor.defined()) out.push_back(std::move(tensor));
    }
    return out;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& gradients) {
    const c10::intrusive_ptr<torch::CustomClassHolder> holder = context->saved_data["call"].toCapsule();
    const auto* call = static_cast<const Call*>(holder.get());
    Tensor hidden = context->get_saved_variables().front().detach();
    hidden.requires_grad_(true);
    torch::autograd::variable_list roots;
    torch::autograd::variable_list root_gradients;
    {
      torch::AutoGradMode with_graph(true);
      size_t place = 0;
      for (Tensor& tensor : call->run(hidden)) {
        if (!tensor.defined()) continue;
        if (gradients[place].defined()) {
          roots.push_back(tensor);
          root_gradients.push_back(gradients[place]);
        }
        ++place;
      }
    }
    if (!roots.empty()) torch::autograd::backward(roots, root_gradients);
    return {hidden.grad(), Tensor(), Tensor()};
  }
};

namespace {

Tensor matrix_of(const ModelWeights& weights, int layer, LayerTensor tensor) {
  const std::vector<float> values = weights.values(layer, tensor);
  if (values.empty()) return {};
  const std::vector<int64_t>& shape =
      weights.layers[static_cast<size_t>(layer)][static_cast<size_t>(tensor)].shape;
  return torch::tensor(values).view(shape);
}

// Keys or values [n, K, D] as [K, n, D].
Tensor by_head(const Tensor& x) { return x.transpose(0, 1); }

// Queries [n, H, D] as [K, G * n, D]: the G heads that share a key head stand below each other.
Tensor by_key_head(const Tensor& x, int64_t kv_heads) {
  const int64_t n = x.size(0);
  const int64_t group = x.size(1) / kv_heads;
  return x.view({n, kv_heads, group, x.size(2)})
      .permute({1, 2, 0, 3})
      .reshape({kv_heads, group * n, x.size(2)});
}

// And back: [K, G * n, D] as [n, H, D].
Tensor by_token(const Tensor& x, int64_t rows) {
  const int64_t kv_heads = x.size(0);
  const int64_t group = x.size(1) / rows;
  return x.view({kv_heads, group, rows, x.size(2)})
      .permute({2, 0, 1, 3})
      .reshape({rows, kv_heads * group, x.size(2)});
}

// -inf above the diagonal of an [n, n] table, as a number that survives sums.
Tensor causal_mask(int64_t n, const torch::Device& device) {
  return torch::full({n, n}, -1e30, torch::TensorOptions(torch::kFloat32).device(device)).triu(1);
}

// Causal attention of a run of tokens to itself.
Tensor attend_causally(const Tensor& q, const Tensor& k, const Tensor& v, int64_t kv_heads, double scale) {
  const int64_t n = q.size(0);
  const int64_t group = q.size(1) / kv_heads;
  const Tensor mask = causal_mask(n, q.device()).repeat({group, 1});
  const Tensor logits =
      torch::matmul(by_key_head(q, kv_heads), by_head(k).transpose(1, 2)).to(torch::kFloat32);
  const Tensor shares = torch::softmax(logits * scale + mask, -1).to(v.scalar_type());
  return by_token(torch::matmul(shares, by_head(v)), n);
}

// Every slot's attention to the base and, causally, to itself: [slot tokens, H, D].
Tensor attend_slots(const Tensor& q, const Tensor& k, const Tensor& v, const PromptTensors& prompt,
                    int64_t kv_heads, double scale) {
  const int64_t P = prompt.slot_tokens.size(0);
  const int64_t M = prompt.slot_tokens.size(1);
  const int64_t D = q.size(2);
  const int64_t H = q.size(1);
  const int64_t group = H / kv_heads;
  const Tensor flat = prompt.slot_tokens.view({-1});
  const auto slot_rows = [&](const Tensor& x) { return x.index_select(0, flat).view({P, M, x.size(1), D}); };
  const auto with_base = [&](const Tensor& x) {
    const Tensor base = x.slice(0, 0, prompt.base).unsqueeze(0).expand({P, prompt.base, x.size(1), D});
    return torch::cat({base, slot_rows(x)}, 1).permute({0, 2, 1, 3});  // [P, K, base + M, D]
  };
  const Tensor queries = slot_rows(q)
                             .view({P, M, kv_heads, group, D})
                             .permute({0, 2, 3, 1, 4})
                             .reshape({P, kv_heads, group * M, D});
  const Tensor mask = torch::cat({torch::zeros({M, prompt.base}, causal_mask(1, q.device()).options()),
                                  causal_mask(M, q.device())},
                                 1)
                          .repeat({group, 1});
  const Tensor logits = torch::matmul(queries, with_base(k).transpose(2, 3)).to(torch::kFloat32);
  const Tensor shares = torch::softmax(logits * scale + mask, -1).to(v.scalar_type());
  const Tensor mixed =
      torch::matmul(shares, with_base(v)).view({P, kv_heads, group, M, D}).permute({0, 3, 1, 2, 4});
  return mixed.reshape({P * M, H, D}).index_select(0, prompt.slot_places);
}

// Attention of the instruction's and the queries' rows, n of the latter in all.
struct TailAttention {
  Tensor instruction;  // [H, I, query_begin]
  Tensor queries;      // [H, n, query_begin + R]: what stands before the queries, then the row's own query
};

// [H, Q, R, x] of padded rows to [H, n, x] of real ones.
Tensor real_rows(const Tensor& padded, const PromptTensors& prompt) {
  return padded.flatten(1, 2).index_select(1, prompt.query_places);
}

// Rows of `q` from instruction_begin on, already scaled.
TailAttention attend_tail(const Tensor& q, const Tensor& k, const PromptTensors& prompt, int64_t kv_heads) {
  const int64_t I = prompt.instruction();
  const int64_t Q = prompt.queries();
  const int64_t R = prompt.query_tokens.size(1);
  const int64_t H = q.size(1);
  const int64_t D = q.size(2);
  const int64_t group = H / kv_heads;
  const Tensor context = by_head(k.slice(0, 0, prompt.query_begin)).transpose(1, 2);  // [K, D, query_begin]
  // Softmax in fp32, whatever its input's type.
  const auto shares = [](const Tensor& logits) { return torch::softmax(logits, -1, torch::kFloat32); };
  TailAttention tail;
  const Tensor instruction_mask =
      torch::cat({torch::zeros({I, prompt.instruction_begin}, causal_mask(1, q.device()).options()),
                  causal_mask(I, q.device())},
                 1)
          .repeat({group, 1});
  const Tensor instruction = torch::matmul(by_key_head(q.slice(0, 0, I), kv_heads), context);
  tail.instruction = shares(instruction + instruction_mask).view({H, I, prompt.query_begin});

  // The queries' rows lie together behind the instruction: no padding where the table is large.
  const int64_t n = q.size(0) - I;
  const Tensor to_context =
      torch::matmul(by_key_head(q.slice(0, I), kv_heads), context).view({H, n, prompt.query_begin});
  const Tensor rows = (prompt.query_tokens - prompt.instruction_begin).view({-1});
  const Tensor own_rows = q.index_select(0, rows).view({Q, R, H, D}).permute({2, 0, 1, 3});  // [H, Q, R, D]
  const Tensor own_keys = k.index_select(0, prompt.query_tokens.view({-1}))
                              .view({Q, R, kv_heads, D})
                              .permute({2, 0, 3, 1})
                              .repeat_interleave(group, 0);  // [H, Q, D, R]
  const Tensor to_own = torch::matmul(own_rows, own_keys) + causal_mask(R, q.device()).to(q.scalar_type());
  tail.queries = shares(torch::cat({to_context, real_rows(to_own, prompt)}, -1));
  return tail;
}

// What the tail's rows take from the values: [tail tokens, H, D].
Tensor mix_tail(const TailAttention& tail, const Tensor& v, const PromptTensors& prompt, int64_t kv_heads) {
  const int64_t H = tail.queries.size(0);
  const int64_t Q = prompt.queries();
  const int64_t R = prompt.query_tokens.size(1);
  const int64_t D = v.size(2);
  const int64_t group = H / kv_heads;
  const Tensor context = by_head(v.slice(0, 0, prompt.query_begin));  // [K, query_begin, D]
  // [H, rows, query_begin] -> [H, rows, D]
  const auto mix = [&](const Tensor& shares) {
    const int64_t rows = shares.size(1);
    return torch::matmul(shares.to(v.scalar_type()).reshape({kv_heads, group * rows, prompt.query_begin}),
                         context)
        .view({H, rows, D});
  };
  const Tensor own_values = v.index_select(0, prompt.query_tokens.view({-1}))
                                .view({Q, R, kv_heads, D})
                                .permute({2, 0, 1, 3})
                                .repeat_interleave(group, 0);                        // [H, Q, R, D]
  const Tensor own = tail.queries.slice(2, prompt.query_begin).to(v.scalar_type());  // [H, n, R]
  const Tensor padded = own.index_select(1, prompt.query_rows.view({-1})).view({H, Q, R, R});
  const Tensor queries = mix(tail.queries.slice(2, 0, prompt.query_begin)) +
                         real_rows(torch::matmul(padded, own_values), prompt);
  return torch::cat({mix(tail.instruction), queries}, 1).transpose(0, 1);
}

// Mean attention of each query's rows to the summed tokens: [Q, S].
Tensor mean_attention(const TailAttention& tail, int head, const PromptTensors& prompt) {
  // A product with the table of who reads what: sums each query's rows at once.
  Tensor sum = torch::matmul(prompt.rows_read, tail.queries[head].slice(1, 0, prompt.instruction_begin));
  if (prompt.shared_rows > 0) sum = sum + tail.instruction[head].slice(1, 0, prompt.instruction_begin).sum(0);
  return sum.index_select(1, prompt.summed_tokens) / prompt.row_count.unsqueeze(1);
}

// Sums over each passage's tokens: [Q, S] -> [Q, P].
Tensor sum_passages(const Tensor& tokens, const PromptTensors& prompt) {
  return torch::zeros({tokens.size(0), prompt.passages()}, tokens.options())
      .index_add(1, prompt.summed_passages, tokens);
}

// 1 for the tokens that lie above mean - 2 std of their passage (std with n - 1), as keep_above in
// rerank/scoring.h.
Tensor kept_tokens(const Tensor& calibrated, const PromptTensors& prompt) {
  const Tensor c = calibrated.detach();
  const Tensor mean = sum_passages(c, prompt) / prompt.tokens_of;
  const Tensor off = c - mean.index_select(1, prompt.summed_passages);
  const Tensor deviation = torch::sqrt(sum_passages(off * off, prompt) / (prompt.tokens_of - 1).clamp_min(1));
  const Tensor bound = (mean - 2 * deviation).index_select(1, prompt.summed_passages);
  const Tensor alone = (prompt.tokens_of < 2).index_select(0, prompt.summed_passages).unsqueeze(0);
  return torch::logical_or(c > bound, alone).to(c.scalar_type());
}

}  // namespace

Result<TrainingModel> TrainingModel::create(const Model& model, const TrainingModelOptions& options) {
  const ModelConfig& config = model.config();
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
  if (options.targets.empty()) return fail(ErrorCode::kUsage, "no projection is to be trained");
  TrainingModel made;
  made.config_ = config;
  if (!options.trunk_cache.empty() && options.first_layer > 0) {
    made.trunk_cache_ = std::make_shared<TrunkCache>(
        options.trunk_cache, Trunk{model.fingerprint(), options.first_layer, options.bf16});
  }
  made.options_ = options;
  made.compute_ = options.bf16 ? torch::kBFloat16 : torch::kFloat32;
  const ModelWeights& weights = model.weights();
  made.embedding_ = torch::empty({config.vocabulary, config.width});
  for (int64_t id = 0; id < config.vocabulary; ++id) {
    weights.embed(static_cast<int32_t>(id), made.embedding_.data_ptr<float>() + id * config.width);
  }
  made.embedding_ = made.embedding_.to(options.device);

  torch::Generator random = torch::make_generator<at::CPUGeneratorImpl>(options.seed);
  for (int layer = 0; layer <= options.deepest_layer; ++layer) {
    Layer& tensors = made.layers_.emplace_back();
    tensors.trained.fill(-1);
    for (const LayerTensorName& name : kLayerTensorNames) {
      Tensor value = matrix_of(weights, layer, name.tensor);
      if (!value.defined()) continue;
      // Matrices and biases in the type that products are computed in; norms stay fp32.
      const bool is_norm = name.hugging_face.find("norm") != std::string_view::npos;
      tensors.tensors[static_cast<size_t>(name.tensor)] =
          value.to(options.device, is_norm ? torch::kFloat32 : made.compute_);
      if (layer < options.first_layer ||
          std::find(options.targets.begin(), options.targets.end(), name.tensor) == options.targets.end()) {
        continue;
      }
      // Of the deepest layer only queries and keys are computed.
      const bool runs = layer < options.deepest_layer || name.tensor == LayerTensor::kQuery ||
                        name.tensor == LayerTensor::kKey;
      if (!runs) continue;
      TrainedMatrix matrix{layer, name.tensor, {}, {}};
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
      tensors.trained[static_cast<size_t>(name.tensor)] = static_cast<int>(made.matrices_.size());
      made.matrices_.push_back(std::move(matrix));
    }
  }

  RotaryTable rotary(model.weights().spec.rotary.front());
  const int64_t positions = std::min<int64_t>(config.context, 32768);
  rotary.reserve(positions);
  const int64_t half = config.head_width / 2;
  const auto table = [&](const float* values) {
    const Tensor own = torch::from_blob(const_cast<float*>(values), {positions, half}).clone();
    return torch::cat({own, own}, 1).to(options.device);
  };
  made.cos_ = table(rotary.cos(0));
  made.sin_ = table(rotary.sin(0));
  return made;
}

std::vector<Tensor> TrainingModel::parameters() const {
  std::vector<Tensor> all;
  for (const TrainedMatrix& matrix : matrices_) {
    all.push_back(matrix.a);
    if (matrix.b.defined()) all.push_back(matrix.b);
  }
  return all;
}

Tensor TrainingModel::linear(const Tensor& x, int layer, LayerTensor tensor, LayerTensor bias) const {
  const Layer& tensors = layers_[static_cast<size_t>(layer)];
  const Tensor& weight = tensors.tensors[static_cast<size_t>(tensor)];
  const Tensor& added = tensors.tensors[static_cast<size_t>(bias)];
  const int place = tensors.trained[static_cast<size_t>(tensor)];
  if (place < 0 || frozen_) return torch::nn::functional::linear(x, weight, added);
  const TrainedMatrix& matrix = matrices_[static_cast<size_t>(place)];
  if (!matrix.b.defined()) return torch::nn::functional::linear(x, weight + matrix.a.to(compute_), added);
  const Tensor low = torch::nn::functional::linear(x, matrix.a.to(compute_));
  return torch::nn::functional::linear(x, weight, added) +
         torch::nn::functional::linear(low, (matrix.b * scale()).to(compute_));
}

Tensor TrainingModel::norm(const Tensor& x, const Tensor& weight) const {
  return (x * torch::rsqrt(x.pow(2).mean(-1, true) + config_.norm_epsilon) * weight).to(compute_);
}

Tensor TrainingModel::rotate(const Tensor& x, const Tensor& positions) const {
  const Tensor cos = cos_.index_select(0, positions).unsqueeze(1).to(compute_);
  const Tensor sin = sin_.index_select(0, positions).unsqueeze(1).to(compute_);
  const int64_t half = x.size(-1) / 2;
  return x * cos + torch::cat({-x.slice(-1, half), x.slice(-1, 0, half)}, -1) * sin;
}

Tensor TrainingModel::project(const Tensor& x, int layer, LayerTensor tensor, LayerTensor bias,
                              LayerTensor head_norm, int64_t heads, const Tensor& positions) const {
  Tensor out = linear(x, layer, tensor, bias).view({x.size(0), heads, config_.head_width});
  const Tensor& weight = layers_[static_cast<size_t>(layer)].tensors[static_cast<size_t>(head_norm)];
  if (weight.defined()) out = norm(out.to(torch::kFloat32), weight);
  return rotate(out, positions);
}

std::vector<Tensor> TrainingModel::run_layer(int layer, const Tensor& hidden, const PromptTensors& prompt,
                                             const std::vector<int>& heads) const {
  const auto& tensors = layers_[static_cast<size_t>(layer)].tensors;
  const auto tensor = [&](LayerTensor name) -> const Tensor& { return tensors[static_cast<size_t>(name)]; };
  const bool deepest = layer == options_.deepest_layer;
  const double scale = 1.0 / std::sqrt(static_cast<double>(config_.head_width));
  const int64_t K = config_.kv_heads;

  const Tensor normed = norm(hidden, tensor(LayerTensor::kAttentionNorm));
  const Tensor k = project(normed, layer, LayerTensor::kKey, LayerTensor::kKeyBias, LayerTensor::kKeyNorm, K,
                           prompt.positions);
  // The deepest layer's queries are those of the rows that are read.
  const int64_t first_row = deepest ? prompt.instruction_begin : 0;
  const Tensor q = project(normed.slice(0, first_row), layer, LayerTensor::kQuery, LayerTensor::kQueryBias,
                           LayerTensor::kQueryNorm, config_.heads, prompt.positions.slice(0, first_row));
  const TailAttention tail =
      attend_tail(q.slice(0, prompt.instruction_begin - first_row) * scale, k, prompt, K);
  std::vector<Tensor> out{Tensor()};
  for (const int head : heads) out.push_back(mean_attention(tail, head, prompt));
  if (deepest) return out;

  const Tensor v = linear(normed, layer, LayerTensor::kValue, LayerTensor::kValueBias)
                       .view({normed.size(0), K, config_.head_width});
  std::vector<Tensor> mixed{attend_causally(q.slice(0, 0, prompt.base), k.slice(0, 0, prompt.base),
                                            v.slice(0, 0, prompt.base), K, scale)};
  if (prompt.slot_tokens.defined()) mixed.push_back(attend_slots(q, k, v, prompt, K, scale));
  mixed.push_back(mix_tail(tail, v, prompt, K));
  const Tensor attention =
      torch::cat(mixed, 0).reshape({prompt.tokens(), config_.heads * config_.head_width});
  const Tensor after = hidden + linear(attention, layer, LayerTensor::kOutput, LayerTensor::kOutputBias);
  const Tensor middle = norm(after, tensor(LayerTensor::kFfnNorm));
  const Tensor gated = torch::silu(linear(middle, layer, LayerTensor::kGate, LayerTensor::kGateBias)) *
                       linear(middle, layer, LayerTensor::kUp, LayerTensor::kUpBias);
  out.front() = after + linear(gated, layer, LayerTensor::kDown, LayerTensor::kDownBias);
  return out;
}

ReadAttention TrainingModel::read(const PromptTensors& prompt, std::span<const HeadId> heads) const {
  ReadAttention attention(heads.size());
  const bool checkpoint = options_.checkpoint && torch::GradMode::is_enabled();
  const Tensor anchor = torch::zeros({1}).requires_grad_(true);
  Tensor hidden;
  int layer = 0;
  const std::string key = trunk_cache_ ? trunk_cache_->key(prompt, heads) : "";
  const auto kept = trunk_cache_ ? trunk_cache_->find(key) : std::nullopt;
  if (kept) {
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
    if (trunk_cache_ && !kept && layer == options_.first_layer) {
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
      out = CheckpointedLayer::apply(
          hidden, anchor, c10::make_intrusive<CheckpointedLayer::Call>(this, prompt, layer, wanted));
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
  HW_CHECK(calibration == Calibration::kNone || prompt.content_free);
  std::vector<Tensor> values;
  for (const Tensor& attention : read(prompt, heads)) {
    const int64_t own = attention.size(0) - (prompt.content_free ? 1 : 0);
    const Tensor query = attention.slice(0, 0, own);
    if (calibration == Calibration::kNone) {
      values.push_back(sum_passages(query, prompt));
      continue;
    }
    const Tensor empty = attention.slice(0, own);
    if (calibration == Calibration::kRatio) {
      values.push_back(torch::log(sum_passages(query, prompt) + kLogFloor) -
                       torch::log(sum_passages(empty, prompt) + kLogFloor));
      continue;
    }
    const Tensor calibrated = query - empty;
    values.push_back(sum_passages(
        filter == TokenFilter::kLow ? calibrated * kept_tokens(calibrated, prompt) : calibrated, prompt));
  }
  return torch::stack(values, 1);
}

}  // namespace headwise
