// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// A device's block of threads on the CPU: warps of a few lanes, each a thread of its own, so that a body that
// counts on one thread, or forgets a barrier, is found (the more so under a thread sanitizer).
#pragma once

#include <array>
#include <barrier>
#include <cstdint>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

namespace headwise::device {

inline constexpr int kWarps = 2;
inline constexpr int kLanes = 4;

struct WarpState {
  std::barrier<> barrier{kLanes};
  std::array<float, kLanes> values{};
};
struct BlockState {
  std::barrier<> barrier{kWarps * kLanes};
  std::array<WarpState, kWarps> warps;
  void* shared = nullptr;
};

class ThreadGroup {
 public:
  ThreadGroup(BlockState& block, int thread) : block_(&block), thread_(thread) {}
  int64_t thread() const { return thread_; }
  int64_t threads() const { return kWarps * kLanes; }
  int64_t warp() const { return thread_ / kLanes; }
  int64_t warps() const { return kWarps; }
  int64_t lane() const { return thread_ % kLanes; }
  int64_t lanes() const { return kLanes; }
  void sync() const { block_->barrier.arrive_and_wait(); }
  float lane_sum(float value) const {
    return gather(value, [](float a, float b) { return a + b; });
  }
  float lane_max(float value) const {
    return gather(value, [](float a, float b) { return a > b ? a : b; });
  }
  void* shared() const { return block_->shared; }

 private:
  template <typename Join>
  float gather(float value, const Join& join) const {
    WarpState& warp_state = block_->warps[static_cast<size_t>(warp())];
    warp_state.values[static_cast<size_t>(lane())] = value;
    warp_state.barrier.arrive_and_wait();
    float joined = warp_state.values[0];
    for (size_t i = 1; i < kLanes; ++i) joined = join(joined, warp_state.values[i]);
    warp_state.barrier.arrive_and_wait();
    return joined;
  }
  BlockState* block_;
  int thread_;
};

// All blocks of a body, one after the other; a block's memory is poisoned before it.
template <typename Body>
void run_on_threads(const Body& body) {
  const auto shared = static_cast<size_t>(body.shared());
  std::vector<uint8_t> memory(shared + 128);
  BlockState state;
  state.shared = reinterpret_cast<void*>((reinterpret_cast<uintptr_t>(memory.data()) + 127) / 128 * 128);
  std::barrier<> between{kWarps * kLanes};
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kWarps * kLanes; ++thread) {
    threads.emplace_back([&, thread] {
      for (int64_t block = 0; block < body.blocks(); ++block) {
        if (thread == 0) std::memset(state.shared, 0xFF, shared);
        between.arrive_and_wait();
        body.run(block, ThreadGroup(state, thread));
        between.arrive_and_wait();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace headwise::device
