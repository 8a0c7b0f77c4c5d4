// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "support/fake_device.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <utility>

#include "decoder/cuda/ops/operations.cuh"

namespace headwise::device {
namespace {

constexpr uint64_t kGuard = 256;   // bytes on either side of an allocation
constexpr uint8_t kPoison = 0xFF;  // NaN as fp32 and as bf16, -1 as a whole number
constexpr uint8_t kGuardByte = 0xA5;

}  // namespace

struct Block {
  std::vector<uint8_t> bytes;  // with guards, and room to align
  uint8_t* begin = nullptr;
  uint64_t size = 0;
};

struct Work {
  std::function<void()> run;
  int event = -1;  // of a record
};

struct FakeDevice::State {
  FakeSettings settings;
  std::vector<std::string> violations;
  uint64_t used = 0;
  uint64_t most_used = 0;
  int64_t operations = 0;
  int64_t products = 0;
  int fail_in = 0;
  Outcome failure = kDone;
  bool lost = false;

  void violate(const std::string& words) {
    if (violations.size() < 20) violations.push_back(words);
  }
};

struct Handle {
  std::shared_ptr<FakeDevice::State> state;
  std::map<const uint8_t*, Block> device;
  std::map<const uint8_t*, Block> host;
  std::array<std::deque<Work>, kStreams> streams;
  std::array<int, kEvents> recorded_on{};  // stream of its last record
  std::string message;

  // The outcome of a call that can fail.
  Outcome next() {
    if (state->lost) return fail(kLost, "the fake device is lost");
    if (state->fail_in > 0 && --state->fail_in == 0) {
      state->lost = state->failure == kLost;
      return fail(state->failure, "the fake device was told to fail");
    }
    return kDone;
  }
  Outcome fail(Outcome outcome, const std::string& words) {
    message = words;
    return outcome;
  }
  bool idle() const {
    return std::all_of(streams.begin(), streams.end(), [](const auto& stream) { return stream.empty(); });
  }
  void run_until(int stream, int event) {
    std::deque<Work>& work = streams[static_cast<size_t>(stream)];
    // Up to the event's last record, or all.
    size_t count = work.size();
    if (event >= 0) {
      while (count > 0 && work[count - 1].event != event) --count;
    }
    for (; count > 0; --count) {
      const Work next = std::move(work.front());
      work.pop_front();
      if (next.run) next.run();
    }
  }
};

namespace {

std::shared_ptr<FakeDevice::State>& active() {
  static std::shared_ptr<FakeDevice::State> state;
  return state;
}

bool within(const std::map<const uint8_t*, Block>& blocks, const void* from, uint64_t bytes) {
  const auto* begin = static_cast<const uint8_t*>(from);
  auto after = blocks.upper_bound(begin);
  if (after == blocks.begin()) return false;
  const Block& block = std::prev(after)->second;
  return begin + bytes <= block.begin + block.size;
}

void* make(std::map<const uint8_t*, Block>& blocks, uint64_t bytes) {
  Block block;
  block.bytes.assign(bytes + 3 * kGuard, kGuardByte);
  const auto address = reinterpret_cast<uintptr_t>(block.bytes.data()) + kGuard;
  block.begin = reinterpret_cast<uint8_t*>((address + kGuard - 1) / kGuard * kGuard);
  block.size = bytes;
  std::fill_n(block.begin, bytes, kPoison);
  uint8_t* begin = block.begin;
  blocks.emplace(begin, std::move(block));
  return begin;
}

void drop(Handle& handle, std::map<const uint8_t*, Block>& blocks, void* memory, const char* kind) {
  FakeDevice::State& state = *handle.state;
  const auto found = blocks.find(static_cast<const uint8_t*>(memory));
  if (found == blocks.end())
    return state.violate(std::string(kind) + " memory is given back that was never taken");
  if (!handle.idle()) state.violate(std::string(kind) + " memory is given back while work waits");
  const Block& block = found->second;
  const uint8_t* first = block.bytes.data();
  const uint8_t* end = first + block.bytes.size();
  const auto whole = [](uint8_t byte) { return byte == kGuardByte; };
  if (!std::all_of(first, static_cast<const uint8_t*>(block.begin), whole) ||
      !std::all_of(static_cast<const uint8_t*>(block.begin + block.size), end, whole)) {
    state.violate(std::string(kind) + " memory of " + std::to_string(block.size) +
                  " bytes was written beyond its ends");
  }
  blocks.erase(found);
}

Outcome open(int ordinal, Handle** handle, Info* info, char* message, uint64_t message_bytes) {
  const auto state = active();
  const auto refuse = [&](Outcome outcome, const std::string& words) {
    std::snprintf(message, message_bytes, "%s", words.c_str());
    return outcome;
  };
  if (!state || !state->settings.driver) return refuse(kNoDriver, "no driver is installed");
  if (ordinal < 0 || ordinal >= state->settings.devices) {
    return refuse(kNoDevice,
                  "there are " + std::to_string(state->settings.devices) + " devices, numbered from 0");
  }
  *handle = new Handle;
  (*handle)->state = state;
  *info = Info{};
  std::snprintf(info->name, sizeof info->name, "Fake device");
  info->architecture = 80;
  info->driver = 13000;
  info->library = 131000;
  info->shared_memory = state->settings.shared_memory;
  return kDone;
}

void close(Handle* handle) {
  if (!handle->idle()) handle->state->violate("a device is closed while work waits");
  if (!handle->device.empty()) handle->state->violate("a device is closed with memory taken");
  if (!handle->host.empty()) handle->state->violate("a device is closed with pinned memory taken");
  delete handle;
}

const char* message(Handle* handle) { return handle->message.c_str(); }

Outcome memory(Handle* handle, uint64_t* free, uint64_t* total) {
  *total = handle->state->settings.memory;
  *free = *total - handle->state->used;
  return handle->next();
}

Outcome allocate(Handle* handle, uint64_t bytes, void** memory) {
  if (const Outcome outcome = handle->next(); outcome != kDone) return outcome;
  FakeDevice::State& state = *handle->state;
  if (bytes == 0) state.violate("memory of no bytes is asked for");
  if (state.used + bytes > state.settings.memory) return handle->fail(kOutOfMemory, "out of memory");
  *memory = make(handle->device, bytes);
  state.used += bytes;
  state.most_used = std::max(state.most_used, state.used);
  return kDone;
}

void release(Handle* handle, void* memory) {
  const auto found = handle->device.find(static_cast<const uint8_t*>(memory));
  if (found != handle->device.end()) handle->state->used -= found->second.size;
  drop(*handle, handle->device, memory, "device");
}

Outcome allocate_host(Handle* handle, uint64_t bytes, void** memory) {
  if (const Outcome outcome = handle->next(); outcome != kDone) return outcome;
  *memory = make(handle->host, bytes);
  return kDone;
}

void release_host(Handle* handle, void* memory) { drop(*handle, handle->host, memory, "pinned"); }

Outcome copy(Handle* handle, int stream, void* to, const void* from, uint64_t bytes, Direction direction) {
  if (const Outcome outcome = handle->next(); outcome != kDone) return outcome;
  FakeDevice::State& state = *handle->state;
  const auto& sources = direction == kToDevice ? handle->host : handle->device;
  const auto& targets = direction == kToHost ? handle->host : handle->device;
  if (!within(sources, from, bytes) || !within(targets, to, bytes)) {
    state.violate("a copy of " + std::to_string(bytes) + " bytes, direction " + std::to_string(direction) +
                  ", is not within memory of its kind");
    return kDone;
  }
  handle->streams[static_cast<size_t>(stream)].push_back(
      {[to, from, bytes] { std::memmove(to, from, bytes); }});
  return kDone;
}

template <typename Body>
void run_body(const Body& body) {
  const auto shared = static_cast<size_t>(body.shared());
  std::vector<uint8_t> memory(shared + 128);
  auto* aligned = reinterpret_cast<void*>((reinterpret_cast<uintptr_t>(memory.data()) + 127) / 128 * 128);
  for (int64_t block = 0; block < body.blocks(); ++block) {
    std::memset(aligned, kPoison, shared);
    body.run(block, OneThread(aligned));
  }
}

Outcome launch(Handle* handle, int stream, int operation, NumberType type, const void* args, uint64_t bytes) {
  if (const Outcome outcome = handle->next(); outcome != kDone) return outcome;
  FakeDevice::State& state = *handle->state;
  ++state.operations;
  const bool known = visit_operation(operation, type, args, bytes, [&](const auto& body) {
    if (body.shared() > state.settings.shared_memory) {
      state.violate("operation " + std::to_string(operation) +
                    " wants more of a block's memory than there is");
      return;
    }
    handle->streams[static_cast<size_t>(stream)].push_back({[body] { run_body(body); }});
  });
  return known ? kDone : handle->fail(kFailed, "no such operation");
}

template <typename T>
void multiply(const ProductArgs& args) {
  for (int64_t row = 0; row < args.rows; ++row) {
    const T* x = static_cast<const T*>(args.x) + row * args.x_stride;
    for (int64_t output = 0; output < args.outputs; ++output) {
      const T* weights = static_cast<const T*>(args.weights) + output * args.inputs;
      float sum = 0.0f;
      for (int64_t i = 0; i < args.inputs; ++i) sum += to_float(x[i]) * to_float(weights[i]);
      const int64_t place = row * args.out_stride + output;
      if (args.out_type == kBfloat16) {
        auto* out = static_cast<Bfloat16*>(args.out) + place;
        *out = rounded<Bfloat16>(args.alpha * sum + (args.beta == 0.0f ? 0.0f : args.beta * to_float(*out)));
      } else {
        auto* out = static_cast<float*>(args.out) + place;
        *out = args.alpha * sum + (args.beta == 0.0f ? 0.0f : args.beta * *out);
      }
    }
  }
}

Outcome product(Handle* handle, int stream, const ProductArgs* asked) {
  if (const Outcome outcome = handle->next(); outcome != kDone) return outcome;
  FakeDevice::State& state = *handle->state;
  ++state.products;
  const ProductArgs args = *asked;
  const auto reach = [](int64_t rows, int64_t stride, int64_t width, NumberType type) {
    return static_cast<uint64_t>(((rows - 1) * stride + width) * bytes_of(type));
  };
  const bool fits =
      args.rows > 0 && args.outputs > 0 && args.inputs > 0 && args.x_stride >= args.inputs &&
      args.out_stride >= args.outputs &&
      within(handle->device, args.x, reach(args.rows, args.x_stride, args.inputs, args.type)) &&
      within(handle->device, args.weights, reach(args.outputs, args.inputs, args.inputs, args.type)) &&
      within(handle->device, args.out, reach(args.rows, args.out_stride, args.outputs, args.out_type));
  if (!fits) {
    state.violate("a product of " + std::to_string(args.rows) + " x " + std::to_string(args.inputs) + " by " +
                  std::to_string(args.outputs) + " is not within memory");
    return kDone;
  }
  handle->streams[static_cast<size_t>(stream)].push_back(
      {[args] { args.type == kBfloat16 ? multiply<Bfloat16>(args) : multiply<float>(args); }});
  return kDone;
}

Outcome record(Handle* handle, int stream, int event) {
  if (const Outcome outcome = handle->next(); outcome != kDone) return outcome;
  handle->streams[static_cast<size_t>(stream)].push_back({{}, event});
  handle->recorded_on[static_cast<size_t>(event)] = stream;
  return kDone;
}

Outcome wait(Handle* handle, int stream, int event) {
  if (const Outcome outcome = handle->next(); outcome != kDone) return outcome;
  const int other = handle->recorded_on[static_cast<size_t>(event)];
  handle->streams[static_cast<size_t>(stream)].push_back(
      {[handle, other, event] { handle->run_until(other, event); }});
  return kDone;
}

Outcome await(Handle* handle, int event) {
  if (const Outcome outcome = handle->next(); outcome != kDone) return outcome;
  handle->run_until(handle->recorded_on[static_cast<size_t>(event)], event);
  return kDone;
}

Outcome finish(Handle* handle, int stream) {
  handle->run_until(stream, -1);
  return handle->state->lost ? handle->fail(kLost, "the fake device is lost") : kDone;
}

}  // namespace

FakeDevice::FakeDevice(FakeSettings settings) : state_(std::make_shared<State>()) {
  state_->settings = settings;
  active() = state_;
}
FakeDevice::~FakeDevice() {
  if (active() == state_) active() = nullptr;
}

const DeviceTable& FakeDevice::table() {
  static const DeviceTable kTable{
      kTableVersion, sizeof(DeviceTable), open, close,  message, memory, allocate, release,
      allocate_host, release_host,        copy, launch, product, record, wait,     await,
      finish};
  return kTable;
}

void FakeDevice::fail_after(int calls, Outcome outcome) {
  state_->fail_in = calls;
  state_->failure = outcome;
}
const std::vector<std::string>& FakeDevice::violations() const { return state_->violations; }
uint64_t FakeDevice::used() const { return state_->used; }
uint64_t FakeDevice::most_used() const { return state_->most_used; }
int64_t FakeDevice::operations() const { return state_->operations; }
int64_t FakeDevice::products() const { return state_->products; }

}  // namespace headwise::device
