// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "decoder/cuda/weights_on_device.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <utility>

#include "base/check.h"

namespace headwise::device {
namespace {

constexpr uint64_t kPiece = 32ull << 20;  // bytes of a matrix on their way at once, of two pieces each

// Tensors that stand in one, in order.
struct Joined {
  std::span<const LayerTensor> parts;
  bool matrix;
};
constexpr LayerTensor kQkv[] = {LayerTensor::kQuery, LayerTensor::kKey, LayerTensor::kValue};
constexpr LayerTensor kOutput[] = {LayerTensor::kOutput};
constexpr LayerTensor kGateUp[] = {LayerTensor::kGate, LayerTensor::kUp};
constexpr LayerTensor kDown[] = {LayerTensor::kDown};
constexpr LayerTensor kQkvBias[] = {LayerTensor::kQueryBias, LayerTensor::kKeyBias, LayerTensor::kValueBias};
constexpr LayerTensor kGateUpBias[] = {LayerTensor::kGateBias, LayerTensor::kUpBias};
constexpr Joined kJoined[] = {{kQkv, true},  {kOutput, true},   {kGateUp, true},
                              {kDown, true}, {kQkvBias, false}, {kGateUpBias, false}};

bool is_joined_bias(LayerTensor tensor) {
  const auto in = [&](std::span<const LayerTensor> parts) {
    return std::find(parts.begin(), parts.end(), tensor) != parts.end();
  };
  return in(kQkvBias) || in(kGateUpBias);
}

// Norms and biases that stand for themselves.
bool is_vector(const TensorRole& role) {
  return role.kind != TensorKind::kMatrix && !is_joined_bias(role.tensor);
}

// Places of everything in a layer's memory.
struct LayerPlaces {
  std::vector<uint64_t> joined;   // by kJoined
  std::vector<uint64_t> vectors;  // by LayerTensor
  uint64_t bytes = 0;
};
LayerPlaces places_of(const LayerSpec& spec, const ModelConfig& config, uint64_t number) {
  LayerPlaces places;
  for (const Joined& joined : kJoined) {
    places.joined.push_back(places.bytes);
    uint64_t values = 0;
    for (const LayerTensor part : joined.parts) {
      if (has_tensor(spec, part)) values += static_cast<uint64_t>(values_in(part, config));
    }
    places.bytes += whole_grains(values * (joined.matrix ? number : sizeof(float)));
  }
  places.vectors.resize(kLayerTensors);
  for (const TensorRole& role : tensor_roles()) {
    if (!is_vector(role) || !has_tensor(spec, role.tensor)) continue;
    places.vectors[static_cast<size_t>(role.tensor)] = places.bytes;
    places.bytes += whole_grains(static_cast<uint64_t>(values_in(role.tensor, config)) * sizeof(float));
  }
  return places;
}

}  // namespace

// Two pieces of memory on either side, used in turn.
struct WeightsOnDevice::Staging {
  Device& device;
  Queue queue;
  Memory host;
  Memory there;
  int next = 0;

  static Result<Staging> make(Device& device) {
    auto host = device.allocate_host(2 * kPiece, "weights on their way");
    HW_RETURN_IF_ERROR(host);
    auto there = device.allocate(2 * kPiece, "weights on their way");
    HW_RETURN_IF_ERROR(there);
    Staging staging{device, Queue(device), std::move(*host), std::move(*there)};
    for (int slot = 0; slot < 2; ++slot) staging.queue.record(slot);
    return staging;
  }
  // The next slot's memory of the host, free to be written to; `place` is its place in both.
  std::byte* begin(uint64_t& place) {
    queue.await(next);
    place = static_cast<uint64_t>(next) * kPiece;
    return host.at(place);
  }
  void end() {
    queue.record(next);
    next = 1 - next;
  }
  void vector(const std::vector<float>& values, float* to) {
    HW_CHECK(values.size() * sizeof(float) <= kPiece);
    uint64_t place = 0;
    std::memcpy(begin(place), values.data(), values.size() * sizeof(float));
    queue.copy(to, host.at(place), values.size() * sizeof(float), kToDevice);
    end();
  }
  // A stored matrix to `out`, piece by piece. `args` says what is added to it.
  Status matrix(const TensorView& stored, NumberType type, StoreArgs args) {
    const DTypeTraits& traits = dtype_traits(stored.dtype);
    args.columns = stored.shape[1];
    args.type = stored.dtype;
    const uint64_t row_bytes = static_cast<uint64_t>(args.columns) / traits.block_values * traits.block_bytes;
    const auto most_rows = static_cast<int64_t>(kPiece / row_bytes);
    if (most_rows == 0)
      return fail(ErrorCode::kResourceLimit, "a row of tensor " + stored.name + " is too long");
    for (int64_t first = 0; first < stored.shape[0] && queue.going(); first += args.rows) {
      args.first = first;
      args.rows = std::min(most_rows, stored.shape[0] - first);
      const uint64_t bytes = static_cast<uint64_t>(args.rows) * row_bytes;
      uint64_t place = 0;
      std::memcpy(begin(place), stored.data + static_cast<uint64_t>(first) * row_bytes, bytes);
      queue.copy(there.at(place), host.at(place), bytes, kToDevice);
      args.stored = there.at(place);
      queue.launch(kStore, type, args);
      end();
    }
    return queue.status();
  }
};

std::shared_ptr<WeightsOnDevice> WeightsOnDevice::of(const ModelWeights& weights,
                                                     std::shared_ptr<Device> device, NumberType type) {
  struct Forms {
    explicit Forms(const ModelWeights&) {}
    std::mutex mutex;
    std::map<std::pair<const Device*, NumberType>, std::weak_ptr<WeightsOnDevice>> made;
  };
  Forms& forms = weights.form<Forms>();
  const std::lock_guard lock(forms.mutex);
  std::weak_ptr<WeightsOnDevice>& place = forms.made[{device.get(), type}];
  if (auto found = place.lock()) return found;
  auto made = std::make_shared<WeightsOnDevice>(weights, std::move(device), type);
  place = made;
  return made;
}

uint64_t WeightsOnDevice::missing_bytes(int layers) const {
  const auto number = static_cast<uint64_t>(bytes_of(type_));
  uint64_t bytes = 2 * kPiece;
  if (embedding_.bytes() == 0) bytes += static_cast<uint64_t>(weights_.embedding.elements()) * number;
  for (size_t i = layers_.size(); i < static_cast<size_t>(layers); ++i) {
    const LayerSpec& spec = weights_.spec.layers[i];
    const auto matrices = static_cast<uint64_t>(matrix_values(spec, weights_.config));
    const auto all = static_cast<uint64_t>(layer_values(spec, weights_.config));
    bytes += matrices * number + (all - matrices) * sizeof(float) + kLayerTensors * kGrain;
  }
  return bytes;
}

Status WeightsOnDevice::bring(int layers) {
  if (embedding_.bytes() > 0 && static_cast<int>(layers_.size()) >= layers) return {};
  const std::string what = "what is missing of " + std::to_string(layers) + " layers of " +
                           weights_.config.name + " as " + (type_ == kFloat ? "fp32" : "bf16");
  HW_RETURN_IF_ERROR(device_->check_free(missing_bytes(layers), what));
  auto staging = Staging::make(*device_);
  HW_RETURN_IF_ERROR(staging);
  const Status brought = bring_missing(layers, *staging);
  Status finished = staging->queue.finish();  // whatever happened: its memory goes
  HW_RETURN_IF_ERROR(brought);
  return finished;
}

Status WeightsOnDevice::bring_missing(int layers, Staging& staging) {
  if (embedding_.bytes() == 0) {
    const TensorView& stored = weights_.embedding;
    auto memory = device_->allocate(static_cast<uint64_t>(stored.elements() * bytes_of(type_)), "embeddings");
    HW_RETURN_IF_ERROR(memory);
    StoreArgs args{};
    args.out = memory->at();
    const Status brought = staging.matrix(stored, type_, args);
    const Status finished = staging.queue.finish();
    HW_RETURN_IF_ERROR(brought);
    HW_RETURN_IF_ERROR(finished);
    embedding_ = std::move(*memory);
  }
  while (static_cast<int>(layers_.size()) < layers) {
    HW_RETURN_IF_ERROR(bring_layer(static_cast<int>(layers_.size()), staging));
  }
  return {};
}

Status WeightsOnDevice::bring_layer(int index, Staging& staging) {
  const LayerSpec& spec = weights_.spec.layers[static_cast<size_t>(index)];
  const StoredLayer& stored = weights_.layers[static_cast<size_t>(index)];
  const ModelConfig& config = weights_.config;
  const auto number = static_cast<uint64_t>(bytes_of(type_));
  const LayerPlaces places = places_of(spec, config, number);
  auto memory = device_->allocate(places.bytes, "layer " + std::to_string(index));
  HW_RETURN_IF_ERROR(memory);
  LayerOnDevice layer;
  layer.memory = std::move(*memory);
  const std::byte* base = layer.memory.at();

  Memory change;  // an adapter's factors
  Status status;
  for (size_t j = 0; j < std::size(kJoined) && status; ++j) {
    uint64_t place = places.joined[j];
    for (const LayerTensor part : kJoined[j].parts) {
      if (!has_tensor(spec, part) || !status) continue;
      if (!kJoined[j].matrix) {
        staging.vector(weights_.values(index, part), layer.memory.at<float>(place));
        place += static_cast<uint64_t>(values_in(part, config)) * sizeof(float);
        continue;
      }
      StoreArgs args{};
      args.out = layer.memory.at(place);
      args.interleaved = weights_.is_interleaved(part) ? config.head_width : 0;
      const kernels::LowRank low_rank = weights_.change(index, part);
      if (low_rank.rank > 0) {
        const int64_t a = low_rank.rank * weights_.inputs(index, part);
        const int64_t b = low_rank.rank * weights_.outputs(index, part);
        status = staging.queue.finish();
        auto factors = device_->allocate(static_cast<uint64_t>(a + b) * sizeof(float), "an adapter's change");
        if (!factors) status = fail(factors.error());
        if (!status) break;
        change = std::move(*factors);
        staging.vector({low_rank.a, low_rank.a + a}, change.at<float>());
        staging.vector({low_rank.b, low_rank.b + b}, change.at<float>() + a);
        args.a = change.at<float>();
        args.b = change.at<float>() + a;
        args.rank = low_rank.rank;
        args.scale = low_rank.scale;
      }
      status = staging.matrix(stored[static_cast<size_t>(part)], type_, args);
      place += static_cast<uint64_t>(values_in(part, config)) * number;
    }
  }
  for (const TensorRole& role : tensor_roles()) {
    if (!is_vector(role) || !has_tensor(spec, role.tensor)) continue;
    auto* to = layer.memory.at<float>(places.vectors[static_cast<size_t>(role.tensor)]);
    staging.vector(weights_.values(index, role.tensor), to);
    layer.vectors[static_cast<size_t>(role.tensor)] = to;
  }
  const Status finished = staging.queue.finish();  // before any memory goes
  HW_RETURN_IF_ERROR(status);
  HW_RETURN_IF_ERROR(finished);
  layer.qkv = base + places.joined[0];
  layer.output = base + places.joined[1];
  layer.gate_up = base + places.joined[2];
  layer.down = base + places.joined[3];
  if (spec.qkv_bias) layer.qkv_bias = reinterpret_cast<const float*>(base + places.joined[4]);
  if (spec.mlp_bias) layer.gate_up_bias = reinterpret_cast<const float*>(base + places.joined[5]);
  layers_.push_back(std::move(layer));
  weights_.release(index);
  return {};
}

}  // namespace headwise::device
