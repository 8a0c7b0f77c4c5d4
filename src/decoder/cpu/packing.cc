// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "decoder/cpu/packing.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "decoder/cpu/pass_scratch.h"
#include "model/tensor_roles.h"

namespace headwise {
namespace {

// One panel to be packed: rows [first, first + rows) of a matrix.
struct PanelJob {
  LayerTensor matrix;
  int64_t first;
  int64_t rows;
  kernels::PackedLinear* target;
};

class PanelList {
 public:
  PanelList(const ModelWeights& weights, int64_t layer) : weights_(weights), layer_(layer) {}

  // Cuts a matrix into panels of `columns` outputs and asks for those in `wanted` (all when null).
  void add(LayerTensor matrix, int64_t columns, const std::vector<int>* wanted, PackedLayer::Panels& panels) {
    const int64_t outputs = outputs_of(matrix);
    const auto count = static_cast<size_t>((outputs + columns - 1) / columns);
    panels.resize(count);
    for (size_t i = 0; i < count; ++i) {
      if (wanted != nullptr &&
          std::find(wanted->begin(), wanted->end(), static_cast<int>(i)) == wanted->end())
        continue;
      const int64_t first = static_cast<int64_t>(i) * columns;
      jobs_.push_back({matrix, first, std::min(columns, outputs - first), &panels[i]});
    }
  }

  void add_whole(LayerTensor matrix, kernels::PackedLinear& target) {
    jobs_.push_back({matrix, 0, outputs_of(matrix), &target});
  }

  void run(ThreadPool& pool, std::span<WorkerScratch> workers) const {
    pool.parallel_for(static_cast<int64_t>(jobs_.size()), [&](int64_t index, int worker) {
      const PanelJob& job = jobs_[static_cast<size_t>(index)];
      const int64_t inputs = weights_.inputs(layer_, job.matrix);
      WorkerScratch& scratch = workers[static_cast<size_t>(worker)];
      scratch.weights.reserve(static_cast<size_t>(job.rows * inputs));
      weights_.rows(layer_, job.matrix, job.first, job.rows, scratch.weights.data());
      scratch.linear.pack(scratch.weights.data(), job.rows, inputs, kernels::LinearType::kFloat32,
                          *job.target);
    });
  }

 private:
  int64_t outputs_of(LayerTensor matrix) const { return weights_.outputs(layer_, matrix); }

  const ModelWeights& weights_;
  int64_t layer_;
  std::vector<PanelJob> jobs_;
};

void pack_layer(const ModelWeights& weights, int64_t layer, const LayerDemand& demand, ThreadPool& pool,
                std::span<WorkerScratch> workers, PackedLayer& packed) {
  PanelList panels(weights, layer);
  const int64_t D = weights.config.head_width;
  if (demand.whole) {  // the large ones first: the small ones fill the threads' last gaps
    panels.add_whole(LayerTensor::kGate, packed.gate);
    panels.add_whole(LayerTensor::kUp, packed.up);
    panels.add_whole(LayerTensor::kDown, packed.down);
    panels.add_whole(LayerTensor::kOutput, packed.output);
    panels.add(LayerTensor::kValue, D, nullptr, packed.value);
  }
  panels.add(LayerTensor::kQuery, D, demand.whole ? nullptr : &demand.query_heads, packed.query);
  panels.add(LayerTensor::kKey, D, demand.whole ? nullptr : &demand.key_heads, packed.key);
  panels.run(pool, workers);
  packed.vectors.read(weights, layer);
}

}  // namespace

void LayerVectors::read(const ModelWeights& weights, int64_t layer) {
  for (const TensorRole& role : tensor_roles()) {
    if (role.kind == TensorKind::kMatrix) continue;
    values[static_cast<size_t>(role.tensor)] = weights.values(layer, role.tensor);
  }
}

bool PackedLayer::any_rows() const {
  for (const Panels* panels : {&query, &key, &value}) {
    for (const kernels::PackedLinear& panel : *panels) {
      if (!panel.any_rows()) return false;
    }
  }
  return output.any_rows() && gate.any_rows() && up.any_rows() && down.any_rows();
}

bool PackedLayer::any_columns() const {
  return output.any_columns() && gate.any_columns() && up.any_columns() && down.any_columns();
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

const PackedLayer& PackedLayers::layer(int64_t index, const LayerDemand& demand, ThreadPool& pool,
                                       std::span<WorkerScratch> workers, PackedLayer& scratch) {
  if (weights_.options.weights == ModelOptions::Weights::kStored) {
    pack_layer(weights_, index, demand, pool, workers, scratch);
    return scratch;
  }
  KeptLayer& kept = *kept_[static_cast<size_t>(index)];
  std::call_once(kept.once, [&] {
    pack_layer(weights_, index, LayerDemand{}, pool, workers, kept.packed);
    weights_.release(index);
  });
  return kept.packed;
}

}  // namespace headwise
