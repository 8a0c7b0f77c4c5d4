// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The CUDA backend: a pass, layer by layer. Everything here runs on the host; what the device does stands in
// ops/.
#include <algorithm>
#include <chrono>
#include <cstring>
#include <new>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/stopwatch.h"
#include "decoder/cuda/attend_parts.h"
#include "decoder/cuda/create.h"
#include "decoder/cuda/keep_rows.h"
#include "decoder/cuda/kept_on_device.h"
#include "decoder/cuda/layer_on_device_pass.h"
#include "decoder/cuda/library.h"
#include "model/rotary.h"

namespace headwise {
namespace {

using namespace device;  // NOLINT(google-build-using-namespace): this file is the backend

// Query rows of a tile of attention: as many as a block's memory has room for.
int64_t tile_rows_of(const Device& on, const ModelConfig& config, NumberType type) {
  for (const int64_t rows : {int64_t{64}, int64_t{32}}) {
    AttendArgs args{};
    args.seen.width = config.head_width;
    args.tile_rows = rows;
    args.out = &args;  // not null: with sums of values
    const int64_t needed = type == kFloat ? Attend<float>{args}.shared() : Attend<Bfloat16>{args}.shared();
    if (needed <= on.info().shared_memory) return rows;
  }
  return 16;
}

// Angles of positions, brought again when a pass needs more of them.
class RotaryTables {
 public:
  explicit RotaryTables(const ModelSpec& spec) {
    for (const RotarySpec& rotary : spec.rotary) {
      const bool two = rotary.scaling.kind == RopeScaling::Kind::kLongrope;
      tables_.push_back({RotaryTable(rotary), rotary.width / 2, two ? rotary.scaling.original_context : 0});
    }
    places_.resize(tables_.size());
  }
  Status bring(Device& on, int64_t positions) {
    const bool others = std::any_of(tables_.begin(), tables_.end(), [&](const Table& table) {
      return is_long(table, positions) != is_long(table, positions_);
    });
    if (positions <= positions_ && !others) return {};
    positions_ = 0;
    int64_t rows = 1024;
    while (rows < positions) rows *= 2;
    // No row of a short prompt's that only a long one has.
    for (const Table& table : tables_) {
      if (table.longer > 0 && !is_long(table, positions)) rows = std::min(rows, table.longer);
    }
    uint64_t bytes = 0;
    for (const Table& table : tables_) bytes += 2 * bytes_of_table(table, rows);
    bytes = std::max<uint64_t>(bytes, 1);
    HW_RETURN_IF_ERROR(there_.reserve(on, bytes, false, "angles of positions"));
    auto host = on.allocate_host(bytes, "angles of positions");
    HW_RETURN_IF_ERROR(host);
    uint64_t place = 0;
    for (size_t i = 0; i < tables_.size(); ++i) {
      const uint64_t table_bytes = bytes_of_table(tables_[i], rows);
      tables_[i].angles.prepare(rows);
      places_[i] = {there_.memory().at<float>(place), there_.memory().at<float>(place + table_bytes)};
      std::memcpy(host->at(place), tables_[i].angles.cos(0), table_bytes);
      std::memcpy(host->at(place + table_bytes), tables_[i].angles.sin(0), table_bytes);
      place += 2 * table_bytes;
    }
    Queue queue(on);
    queue.copy(there_.memory().at(), host->at(), place, kToDevice);
    HW_RETURN_IF_ERROR(queue.finish());
    positions_ = rows;
    return {};
  }
  const std::vector<RotaryOnDevice>& places() const { return places_; }

 private:
  struct Table {
    RotaryTable angles;
    int64_t half;
    int64_t longer;  // prompts of more positions have other angles (longrope); 0: none
  };
  static bool is_long(const Table& table, int64_t positions) {
    return table.longer > 0 && positions > table.longer;
  }
  static uint64_t bytes_of_table(const Table& table, int64_t rows) {
    return static_cast<uint64_t>(rows * table.half) * sizeof(float);
  }
  std::vector<Table> tables_;
  std::vector<RotaryOnDevice> places_;
  GrowingMemory there_;
  int64_t positions_ = 0;
};

// What the operations do not compute of what a spec can say; empty: all is computed.
std::string not_on_device(const ModelSpec& spec) {
  for (const LayerSpec& layer : spec.layers) {
    if (layer.wide_qk_norm && layer.qkv_bias) return "norms of all heads' queries together, with biases";
    if (layer.routed()) return "a mixture of experts";
  }
  return {};
}

class CudaDecoder final : public Decoder {
 public:
  CudaDecoder(std::shared_ptr<const ModelWeights> weights, const CudaOptions& options,
              std::shared_ptr<Device> on, uint64_t kept_bytes)
      : weights_(std::move(weights)),
        device_(std::move(on)),
        type_(options.type),
        brought_(WeightsOnDevice::of(*weights_, device_, type_)),
        memory_(PassMemory::of(*device_)),
        rotary_(weights_->spec),
        kept_(device_, type_, kept_bytes),
        tile_rows_(tile_rows_of(*device_, weights_->config, type_)) {}

  DecoderDescription describe() const override {
    const Info& info = device_->info();
    return {"cuda", type_ == kFloat ? "fp32" : "bf16",
            std::string(info.name) + ", sm_" + std::to_string(info.architecture) + ", driver " +
                std::to_string(info.driver) + ", cuBLASLt " + std::to_string(info.library),
            kArithmetic};
  }
  // Of the host: the device does the work.
  int threads() const override { return 1; }

  Status prepare(int layers) override {
    const auto lock = device_->lock();
    return brought_->bring(layers);
  }

  Result<DecodeResult> run(const DecodeRequest& request) override {
    const auto lock = device_->lock();
    try {
      return run_layers(request);
    } catch (const std::bad_alloc&) {
      return fail(ErrorCode::kResourceLimit, "out of memory for a prompt of " +
                                                 std::to_string(request.prompt->tokens()) +
                                                 " tokens; use fewer or shorter passages");
    }
  }

 private:
  static constexpr int kArithmetic = 1;

  Result<DecodeResult> run_layers(const DecodeRequest& request);
  Result<DecodeResult> run_queue(const DecodeRequest& request, const PassPlan& plan, const PassTables& tables,
                                 Queue& queue);

  std::shared_ptr<const ModelWeights> weights_;
  std::shared_ptr<Device> device_;
  NumberType type_;
  std::shared_ptr<WeightsOnDevice> brought_;
  std::shared_ptr<PassMemory> memory_;
  RotaryTables rotary_;
  KeptOnDevice kept_;
  int64_t tile_rows_;
};

// Layers that are read, handed out when their sums have come: one behind the device.
class Reading {
 public:
  Reading(const DecodeRequest& request, const PassPlan& plan, const PassTables& tables,
          const PassMemory& memory, Queue& queue)
      : request_(request), plan_(plan), tables_(tables), memory_(memory), queue_(queue) {}
  void ask(LayerOnDevicePass& pass, int layer) {
    pass.read(layer, next_);
    hand_out();
    asked_ = {layer, next_};
    next_ = (next_ + 1) % kReadSlots;
  }
  void hand_out() {
    if (!asked_) return;
    const auto [layer, slot] = *std::exchange(asked_, std::nullopt);
    const auto start = std::chrono::steady_clock::now();
    queue_.await(slot);
    if (!queue_.going()) return;
    const std::vector<LayerKeys> keys = tables_.layer_keys(layer);
    const LayerAttention attention{layer,
                                   plan_.heads_by_layer[static_cast<size_t>(layer)],
                                   static_cast<int64_t>(plan_.groups.size()),
                                   plan_.key_count,
                                   memory_.host_sums[slot],
                                   keys};
    if (request_.on_layer) request_.on_layer(attention);
    seconds_ += seconds_since(start);
  }
  double seconds() const { return seconds_; }

 private:
  const DecodeRequest& request_;
  const PassPlan& plan_;
  const PassTables& tables_;
  const PassMemory& memory_;
  Queue& queue_;
  std::optional<std::pair<int, int>> asked_;  // layer, slot
  int next_ = 0;
  double seconds_ = 0.0;
};

Result<DecodeResult> CudaDecoder::run_layers(const DecodeRequest& request) {
  const ModelConfig& config = weights_->config;
  auto plan = plan_pass(request, *weights_, 1);
  HW_RETURN_IF_ERROR(plan);
  HW_RETURN_IF_ERROR(brought_->bring(static_cast<int>(plan->demands.size())));
  auto given = kept_.bring(request.given);
  HW_RETURN_IF_ERROR(given);
  int64_t kept_rows = 0;
  for (const int segment : request.keep) kept_rows = std::max(kept_rows, plan->segment(segment).rows);
  const AttendParts parts(request, *plan);
  HW_RETURN_IF_ERROR(memory_->reserve(*device_, config, *plan, type_, kept_rows, parts.rows));
  const std::vector<int32_t>& positions = request.prompt->positions;  // also of what is given
  HW_RETURN_IF_ERROR(rotary_.bring(*device_, 1 + *std::max_element(positions.begin(), positions.end())));
  const FreshKeys fresh{
      static_cast<const std::byte*>(memory_->heads), (config.heads + 2 * config.kv_heads) * config.head_width,
      config.heads * config.head_width, (config.heads + config.kv_heads) * config.head_width, type_};
  PassTables tables(request, *plan, config, *given, fresh, tile_rows_, parts);
  HW_RETURN_IF_ERROR(memory_->tables.reserve(*device_, tables.bytes(), false, "a pass's tables"));
  HW_RETURN_IF_ERROR(memory_->host_tables.reserve(*device_, tables.bytes(), true, "a pass's tables"));
  Queue queue(*device_);
  tables.bring(queue, memory_->host_tables.memory(), memory_->tables.memory());
  auto result = run_queue(request, *plan, tables, queue);
  const Status finished = queue.finish();  // whatever happened: memory is used again
  HW_RETURN_IF_ERROR(finished);
  return result;
}

Result<DecodeResult> CudaDecoder::run_queue(const DecodeRequest& request, const PassPlan& plan,
                                            const PassTables& tables, Queue& queue) {
  const PassTools tools{*weights_, *brought_, plan, tables, *memory_, rotary_.places(), type_, tile_rows_};
  LayerOnDevicePass pass(tools, queue);
  Reading reading(request, plan, tables, *memory_, queue);
  auto kept = RowKeeper::make(request, plan, weights_->config);
  HW_RETURN_IF_ERROR(kept);
  pass.embed();
  DecodeResult result;
  for (int layer = 0; layer < static_cast<int>(plan.demands.size()); ++layer) {
    if (request.progress != nullptr && request.progress->stop_requested()) {
      return fail(ErrorCode::kCancelled, "stopped after layer " + std::to_string(layer) + " of " +
                                             std::to_string(plan.demands.size()));
    }
    pass.run(layer, plan.demands[static_cast<size_t>(layer)]);
    for (size_t i = 0; i < request.keep.size() && kept->wants(layer); ++i) {
      pass.take(plan.segment(request.keep[i]));
      HW_RETURN_IF_ERROR(queue.finish());
      kept->store(i, layer, memory_->host_rows.memory().at<float>());
    }
    if (!plan.heads_by_layer[static_cast<size_t>(layer)].empty()) reading.ask(pass, layer);
    if (request.on_hidden) {
      reading.hand_out();
      const auto bytes = static_cast<uint64_t>(plan.rows() * weights_->config.width) * sizeof(float);
      queue.copy(memory_->host_rows.memory().at(), memory_->hidden, bytes, kToHost);
      HW_RETURN_IF_ERROR(queue.finish());
      request.on_hidden(layer, memory_->host_rows.memory().at<float>());
    }
    ++result.layers_run;
  }
  reading.hand_out();
  HW_RETURN_IF_ERROR(queue.status());
  result.read_seconds = reading.seconds();
  result.kept = std::move(*kept).finish();
  return result;
}

}  // namespace

Result<NumberType> number_type(Precision precision) {
  switch (precision) {
    case Precision::kFloat32:
      return kFloat;
    case Precision::kBfloat16:
    case Precision::kAuto:
      return kBfloat16;
    case Precision::kInt8:
      break;
  }
  return fail(ErrorCode::kUnsupported,
              "--precision int8: there are no products of it with --device cuda, which has fp32 and bf16; "
              "take one of these, or auto, or use --device cpu");
}

Result<std::unique_ptr<Decoder>> create_cuda_decoder(std::shared_ptr<const ModelWeights> weights,
                                                     const CudaOptions& options,
                                                     std::shared_ptr<Device> device) {
  if (const std::string missing = not_on_device(weights->spec); !missing.empty()) {
    return fail(ErrorCode::kUnsupported, "the CUDA backend does not compute what this model asks for: " +
                                             missing + "; use --device cpu");
  }
  uint64_t kept_bytes = options.kept_bytes;
  if (kept_bytes == 0) {
    uint64_t free = 0;
    uint64_t total = 0;
    if (const Outcome outcome = device->table().memory(device->handle(), &free, &total); outcome != kDone) {
      return fail(device->error_of(outcome));
    }
    kept_bytes = total / 4;
  }
  return std::make_unique<CudaDecoder>(std::move(weights), options, std::move(device), kept_bytes);
}

Result<std::unique_ptr<Decoder>> create_cuda_decoder(std::shared_ptr<const ModelWeights> weights,
                                                     const CudaOptions& options) {
  auto library = load_device_library();
  HW_RETURN_IF_ERROR(library);
  auto device = Device::open(*library->table, options.ordinal, library->handle);
  HW_RETURN_IF_ERROR(device);
  return create_cuda_decoder(std::move(weights), options, std::move(*device));
}

}  // namespace headwise
