// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The CPU backend: a pass, layer by layer.
#include <algorithm>
#include <chrono>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/stopwatch.h"
#include "base/threads.h"
#include "decoder/cpu/create.h"
#include "decoder/cpu/layer_pass.h"
#include "decoder/cpu/precision.h"
#include "model/layer_spec.h"

namespace headwise {
namespace {

// Room for what the pass keeps of each segment.
Result<std::vector<CpuKeptBuilder>> room_to_keep(const DecodeRequest& request, const ModelConfig& config,
                                                 const PassPlan& plan) {
  std::vector<CpuKeptBuilder> kept;
  for (const int index : request.keep) {
    const PromptSegment& segment = request.prompt->segment(index);
    const KeptShape shape{KeptType::kFloat32, config.head_width, config.kv_heads, segment.tokens,
                          segment.first_position};
    std::vector<KeptLayer> layers;
    for (const bool values : plan.keeps_values) layers.push_back(KeptLayer::all(segment.tokens, values));
    auto layout = KeptImageLayout::make(shape, std::move(layers));
    HW_RETURN_IF_ERROR(layout);
    kept.emplace_back(std::move(*layout));
  }
  return kept;
}

// Rows that enter this layer: from the request, or to whoever asks for them.
void enter_late(const LateRows& late, const PassPlan& plan, int64_t C, PassScratch& scratch,
                DecodeResult& result) {
  const SegmentPlace& place = plan.segment(plan.late.segment);
  float* rows = scratch.hidden_TC.data() + place.row * C;
  if (plan.late.given) {
    std::copy(late.hidden->begin(), late.hidden->end(), rows);
  } else {
    result.late = std::make_shared<const HiddenRows>(rows, rows + place.rows * C);
  }
}

// What a type cannot hold is an error, not a clamp.
Status check_finite(const PassScratch& scratch, int layer) {
  for (const WorkerScratch& worker : scratch.workers) {
    if (worker.finite) continue;
    return fail(ErrorCode::kInvalidInput,
                "layer " + std::to_string(layer) +
                    " gives numbers that are infinite or none, which int8 cannot hold; the model's weights "
                    "are damaged or overflow: see what --precision fp32 says");
  }
  return {};
}

class CpuDecoder final : public Decoder {
 public:
  CpuDecoder(std::shared_ptr<const ModelWeights> weights, const DecoderOptions& options,
             const kernels::KernelTable& ops, kernels::LinearType type)
      : weights_(std::move(weights)),
        context_(options.context),
        ops_(ops),
        type_(type),
        pool_(options.threads),
        packed_(weights_->form<PackedLayers>()) {
    for (const RotarySpec& rotary : weights_->spec.rotary) rotary_.emplace_back(rotary);
  }

  DecoderDescription describe() const override {
    return {"cpu", std::string(precision_word(type_)), std::string(ops_.name)};
  }
  int threads() const override { return pool_.size(); }

  Result<DecodeResult> run(const DecodeRequest& request) override {
    try {
      return run_layers(request);
    } catch (const std::bad_alloc&) {
      return fail(ErrorCode::kResourceLimit, "out of memory for a prompt of " +
                                                 std::to_string(request.prompt->tokens()) +
                                                 " tokens; use fewer or shorter passages");
    }
  }

 private:
  Result<DecodeResult> run_layers(const DecodeRequest& request);

  std::shared_ptr<const ModelWeights> weights_;
  std::shared_ptr<ExecutionContext> context_;
  const kernels::KernelTable& ops_;
  const kernels::LinearType type_;
  ThreadPool pool_;
  PackedLayers& packed_;
  std::vector<RotaryTable> rotary_;
};

Result<DecodeResult> CpuDecoder::run_layers(const DecodeRequest& request) {
  const ModelConfig& config = weights_->config;
  auto plan = plan_pass(request, *weights_, pool_.size());
  HW_RETURN_IF_ERROR(plan);
  auto scratch = context_->lease<PassScratch>();
  scratch->prepare(config, *request.prompt, *plan, pool_.size());
  for (RotaryTable& rotary : rotary_) {
    rotary.prepare(1 + *std::max_element(request.prompt->positions.begin(), request.prompt->positions.end()));
  }
  const ProductTools tools{*weights_, ops_, pool_, *plan, *scratch};
  const auto products = request.linear == LinearChoice::kPacked ? make_packed_products(tools, packed_)
                                                                : make_stored_products(tools);
  LayerPass pass(tools, *products, rotary_);
  auto kept = room_to_keep(request, config, *plan);
  HW_RETURN_IF_ERROR(kept);
  pass.embed();
  DecodeResult result;
  for (int layer = 0; layer < static_cast<int>(plan->demands.size()); ++layer) {
    if (request.progress != nullptr && request.progress->stop_requested()) {
      return fail(ErrorCode::kCancelled, "stopped after layer " + std::to_string(layer) + " of " +
                                             std::to_string(plan->demands.size()));
    }
    const LayerDemand& demand = plan->demands[static_cast<size_t>(layer)];
    if (layer == plan->late.layer) enter_late(request.late, *plan, config.width, *scratch, result);
    pass.run(layer, demand);
    HW_RETURN_IF_ERROR(check_finite(*scratch, layer));
    for (size_t i = 0; i < kept->size(); ++i) scratch->keys.keep(request.keep[i], (*kept)[i]);
    if (!plan->heads_by_layer[static_cast<size_t>(layer)].empty()) {
      const auto start = std::chrono::steady_clock::now();
      const LayerAttention attention = pass.read(layer);
      if (request.on_layer) request.on_layer(attention);
      result.read_seconds += seconds_since(start);
    }
    if (request.on_hidden) request.on_hidden(layer, scratch->hidden_TC.data());
    ++result.layers_run;
  }
  for (CpuKeptBuilder& segment : *kept) result.kept.push_back(std::move(segment).finish());
  return result;
}

}  // namespace

Result<std::unique_ptr<Decoder>> create_cpu_decoder(std::shared_ptr<const ModelWeights> weights,
                                                    const DecoderOptions& options) {
  const auto kernels = kernels::select_kernels();
  HW_RETURN_IF_ERROR(kernels);
  const auto type = linear_type(weights->options.precision, **kernels);
  if (!type) return fail(type.error());
  return std::make_unique<CpuDecoder>(std::move(weights), options, **kernels, *type);
}

}  // namespace headwise
