// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "decoder/cpu/packing.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "decoder/cpu/pass_scratch.h"
#include "decoder/cpu/precision.h"
#include "model/layer_spec.h"
#include "model/tensor_roles.h"

namespace headwise {
namespace {

kernels::LinearType packed_type(const ModelWeights& weights, const kernels::KernelTable& ops) {
  const auto type = linear_type(weights.options.precision, ops);
  HW_CHECK(type.has_value());
  return *type;
}

// What is packed by itself: rows [first, first + rows) of a matrix.
struct PackJob {
  LayerTensor matrix;
  int64_t first;
  int64_t rows;
  kernels::PackedLinear* target;
  kernels::LinearType type;
};

class PackList {
 public:
  PackList(const ModelWeights& weights, int64_t layer, kernels::LinearType type)
      : weights_(weights), layer_(layer), type_(type) {}

  // Cuts a matrix by heads of `columns` outputs and asks for those in `wanted` (all when null).
  void add(LayerTensor matrix, int64_t columns, const std::vector<int>* wanted, PackedLayer::Heads& heads) {
    const int64_t outputs = outputs_of(matrix);
    const auto count = static_cast<size_t>((outputs + columns - 1) / columns);
    heads.resize(count);
    for (size_t i = 0; i < count; ++i) {
      if (wanted != nullptr &&
          std::find(wanted->begin(), wanted->end(), static_cast<int>(i)) == wanted->end())
        continue;
      const int64_t first = static_cast<int64_t>(i) * columns;
      jobs_.push_back({matrix, first, std::min(columns, outputs - first), &heads[i], type_});
    }
  }

  void add_whole(LayerTensor matrix, kernels::PackedLinear& target) {
    jobs_.push_back({matrix, 0, outputs_of(matrix), &target, type_});
  }

  void add_router(kernels::PackedLinear& target) {
    jobs_.push_back(
        {LayerTensor::kRouter, 0, outputs_of(LayerTensor::kRouter), &target, kernels::LinearType::kFloat32});
  }

  void add_expert(int64_t expert, PackedExpert& target) {
    const auto add = [&](LayerTensor matrix, int64_t rows, kernels::PackedLinear& packed) {
      jobs_.push_back({matrix, expert * rows, rows, &packed, type_});
    };
    const int64_t M = weights_.config.expert_width;
    add(LayerTensor::kExpertGate, M, target.gate);
    add(LayerTensor::kExpertUp, M, target.up);
    add(LayerTensor::kExpertDown, weights_.config.width, target.down);
  }

  void run(const PackingTools& tools) const {
    tools.pool.parallel_for(static_cast<int64_t>(jobs_.size()), [&](int64_t index, int worker) {
      run_job(jobs_[static_cast<size_t>(index)], tools.ops, tools.workers[static_cast<size_t>(worker)]);
    });
  }

  // On the caller's thread.
  void run(const kernels::KernelTable& ops, WorkerScratch& scratch) const {
    for (const PackJob& job : jobs_) run_job(job, ops, scratch);
  }

 private:
  int64_t outputs_of(LayerTensor matrix) const { return weights_.outputs(layer_, matrix); }

  void run_job(const PackJob& job, const kernels::KernelTable& ops, WorkerScratch& scratch) const {
    const int64_t inputs = weights_.inputs(layer_, job.matrix);
    scratch.weights.reserve(static_cast<size_t>(job.rows * inputs));
    weights_.rows(layer_, job.matrix, job.first, job.rows, scratch.weights.data());
    kernels::Linear(ops).pack(scratch.weights.data(), job.rows, inputs, job.type, *job.target);
  }

  const ModelWeights& weights_;
  int64_t layer_;
  kernels::LinearType type_;
  std::vector<PackJob> jobs_;
};

// `experts`: those too.
void pack_layer(const ModelWeights& weights, int64_t layer, const LayerDemand& demand,
                const PackingTools& tools, bool experts, PackedLayer& packed) {
  PackList list(weights, layer, packed_type(weights, tools.ops));
  const LayerSpec& spec = weights.spec.layers[static_cast<size_t>(layer)];
  const int64_t D = weights.config.head_width;
  packed.experts.resize(experts ? static_cast<size_t>(spec.experts) : 0);
  if (demand.whole) {  // the large ones first: the small ones fill the threads' last gaps
    if (spec.routed()) {
      for (size_t i = 0; i < packed.experts.size(); ++i) {
        list.add_expert(static_cast<int64_t>(i), packed.experts[i]);
      }
      list.add_router(packed.router);
    } else {
      list.add_whole(LayerTensor::kGate, packed.gate);
      list.add_whole(LayerTensor::kUp, packed.up);
      list.add_whole(LayerTensor::kDown, packed.down);
    }
    list.add_whole(LayerTensor::kOutput, packed.output);
    list.add(LayerTensor::kValue, D, nullptr, packed.value);
  }
  list.add(LayerTensor::kQuery, D, demand.whole ? nullptr : &demand.query_heads, packed.query);
  list.add(LayerTensor::kKey, D, demand.whole ? nullptr : &demand.key_heads, packed.key);
  list.run(tools);
  packed.vectors.read(weights, layer);
}

}  // namespace

const std::vector<float>& LayerVectors::bias_of(LayerTensor matrix) const {
  static const std::vector<float> none;
  const auto bias = role_of(matrix).bias;
  return bias ? of(*bias) : none;
}

void LayerVectors::read(const ModelWeights& weights, int64_t layer) {
  for (const TensorRole& role : tensor_roles()) {
    if (role.kind == TensorKind::kMatrix) continue;
    values[static_cast<size_t>(role.tensor)] = weights.values(layer, role.tensor);
  }
}

const kernels::PackedLinear& PackedLayer::of(const Product& product) const {
  const auto head = static_cast<size_t>(product.head);
  switch (product.matrix) {
    case LayerTensor::kQuery:
      return query[head];
    case LayerTensor::kKey:
      return key[head];
    case LayerTensor::kValue:
      return value[head];
    case LayerTensor::kOutput:
      return output;
    case LayerTensor::kGate:
      return gate;
    case LayerTensor::kUp:
      return up;
    case LayerTensor::kRouter:
      return router;
    default:
      HW_CHECK(product.matrix == LayerTensor::kDown);
      return down;
  }
}

PackedLayers::PackedLayers(const ModelWeights& weights) : weights_(weights) {
  for (int64_t layer = 0; layer < weights.config.layers; ++layer) {
    kept_.push_back(std::make_unique<KeptLayer>());
  }
}

const PackedLayer& PackedLayers::layer(int64_t index, const LayerDemand& demand, const PackingTools& tools,
                                       PackedLayer& scratch) {
  const bool as_stored = weights_.options.weights == ModelOptions::Weights::kStored;
  if (as_stored && packed_type(weights_, tools.ops) == kernels::LinearType::kFloat32) {
    pack_layer(weights_, index, demand, tools, false, scratch);
    return scratch;
  }
  KeptLayer& kept = *kept_[static_cast<size_t>(index)];
  std::call_once(kept.once, [&] {
    pack_layer(weights_, index, LayerDemand{}, tools, true, kept.packed);
    weights_.release(index);
  });
  return kept.packed;
}

const PackedExpert& PackedLayers::expert(int64_t index, const PackedLayer& layer, int64_t expert,
                                         const kernels::KernelTable& ops, WorkerScratch& worker) const {
  if (!layer.experts.empty()) return layer.experts[static_cast<size_t>(expert)];
  PackList list(weights_, index, packed_type(weights_, ops));
  list.add_expert(expert, worker.expert);
  list.run(ops, worker);
  return worker.expert;
}

}  // namespace headwise
