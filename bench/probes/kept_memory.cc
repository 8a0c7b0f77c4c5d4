// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Does memory for kept passages stay within its bound? A stream of ten times as many passages as have room,
// of 20,000 to 100,000 bytes, some asked for more often than others: the process's memory while it runs, and
// the hits beside those of a list that does the same with sizes alone.
//
//   headwise_kept_memory [BYTES [STEPS]] > kept_memory.json
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <list>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

#include "../kernels/measure.h"
#include "passages/memory_tier.h"
#include "support/fake_segment.h"

using namespace headwise;  // NOLINT(google-build-using-namespace): a program of its own, not a header
using headwise::testing::FakeSegment;

namespace {

constexpr uint64_t kMeanBytes = 60000;

uint64_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  uint64_t pages = 0;
  file >> pages >> pages;
  return pages * 4096;
}

// Least recently used, by bytes: what is to be found.
class List {
 public:
  explicit List(uint64_t bound) : bound_(bound) {}
  bool use(int64_t number, uint64_t bytes) {
    const auto known = places_.find(number);
    const bool hit = known != places_.end();
    if (hit) {
      order_.splice(order_.begin(), order_, known->second);
      return true;
    }
    for (; held_ + bytes > bound_; order_.pop_back()) {
      held_ -= order_.back().second;
      places_.erase(order_.back().first);
    }
    held_ += bytes;
    order_.emplace_front(number, bytes);
    places_[number] = order_.begin();
    return false;
  }

 private:
  uint64_t bound_, held_ = 0;
  std::list<std::pair<int64_t, uint64_t>> order_;
  std::unordered_map<int64_t, std::list<std::pair<int64_t, uint64_t>>::iterator> places_;
};

}  // namespace

int main(int argc, char** argv) {
  const uint64_t bound = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : uint64_t{1} << 30;
  const uint64_t steps = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 300000;
  const auto passages = static_cast<int64_t>(10 * bound / kMeanBytes);
  MemoryTier tier(bound);
  List list(bound);
  std::mt19937_64 random(1);
  uint64_t hits = 0, list_hits = 0, differ = 0, most = 0, when_full = 0;
  const uint64_t before = resident_bytes();
  for (uint64_t step = 0; step < steps; ++step) {
    // Log-uniform: the tenth that has room is asked for four times in five.
    const double draw = static_cast<double>(random() >> 11) / 9007199254740992.0;
    const auto number = static_cast<int64_t>(std::pow(static_cast<double>(passages), draw)) - 1;
    const std::vector<int32_t> tokens = {static_cast<int32_t>(number)};
    const size_t bytes = 20000 + static_cast<size_t>(number) * 7919 % 80000;
    const KeptSlot slot{passage_key("stream", tokens), tokens};
    const bool hit = tier.get({&slot, 1})[0] != nullptr;
    if (!hit) {
      const KeptPtr made = FakeSegment::make(tokens, bytes);
      tier.put({&slot, 1}, {&made, 1});
    }
    // As the tier weighs an entry: the image, its tokens, what holds them.
    const bool expected = list.use(number, 64 + bytes + 4 + 200);
    hits += hit ? 1 : 0;
    list_hits += expected ? 1 : 0;
    differ += hit != expected ? 1 : 0;
    if (step % 256 != 0) continue;
    const uint64_t now = resident_bytes() - before;
    if (when_full == 0 && tier.statistics().evictions > 0) when_full = now;
    most = std::max(most, now);
  }
  bench::print_machine("any", 1);
  const TierStatistics end = tier.statistics();
  std::printf(
      ",\n \"bound\": %llu, \"passages\": %lld, \"steps\": %llu, \"evictions\": %llu,\n \"hits\": %llu, "
      "\"hits_of_a_list\": %llu, "
      "\"steps_that_differ\": %llu,\n \"bytes_counted\": %llu, \"resident_when_full\": %llu, "
      "\"resident_at_most\": %llu, "
      "\"resident_at_the_end\": %llu}\n",
      static_cast<unsigned long long>(bound), static_cast<long long>(passages),
      static_cast<unsigned long long>(steps), static_cast<unsigned long long>(end.evictions),
      static_cast<unsigned long long>(hits), static_cast<unsigned long long>(list_hits),
      static_cast<unsigned long long>(differ), static_cast<unsigned long long>(end.bytes),
      static_cast<unsigned long long>(when_full), static_cast<unsigned long long>(most),
      static_cast<unsigned long long>(resident_bytes() - before));
  return differ == 0 ? 0 : 1;
}
