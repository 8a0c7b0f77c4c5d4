// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Does a folder of kept passages scale? A million made-up passages with short blocks: how long a look-up and
// an opening take, how much memory the index does; then readers in processes of their own, and one that
// writes and drops old segments, for a while: no byte may be wrong.
//
//   headwise_kept_store FOLDER [PASSAGES [READERS [SECONDS]]] > kept_store.json
//
// FOLDER must not be there; it is removed at the end.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "../kernels/measure.h"
#include "passages/passage_store.h"
#include "support/fake_segment.h"

using namespace headwise;  // NOLINT(google-build-using-namespace): a program of its own, not a header
using headwise::bench::timed;
using headwise::testing::FakeSegment;
using headwise::testing::made_up_tokens;

namespace {

constexpr size_t kShort = 800, kLong = 20000;  // bytes of an image: of the million, of those that follow
constexpr int kBatch = 100;                    // passages a request

struct Arguments {
  std::filesystem::path folder;
  int passages = 1000000;
  int readers = 8;
  int seconds = 60;
};

// What processes tell each other.
struct Shared {
  std::atomic<int64_t> next{0};  // passages below it were kept
  std::atomic<bool> ends{false};
  std::atomic<int64_t> found{0}, missing{0}, wrong{0}, errors{0}, failures{0}, evicted{0};
};

KeptContext context() {
  KeptContext made;
  made.model = "made up";
  return made;
}

std::shared_ptr<PassageStore> open(const std::filesystem::path& folder, uint64_t bytes = 0) {
  auto store = PassageStore::open(folder, context(), {.bytes = bytes, .reader = &FakeSegment::read});
  if (!store) {
    std::fprintf(stderr, "%s\n", store.error().to_string().c_str());
    std::exit(1);
  }
  return *store;
}

struct Batch {
  std::vector<std::vector<int32_t>> tokens;
  std::vector<KeptSlot> slots;

  explicit Batch(const std::vector<int>& numbers) {
    static const std::string digest = context().digest();
    for (const int number : numbers) tokens.push_back(made_up_tokens(number));
    for (const auto& ids : tokens) slots.push_back({passage_key(digest, ids), ids});
  }
};

void keep(PassageStore& store, int begin, int count, size_t bytes) {
  std::vector<int> numbers(static_cast<size_t>(count));
  std::iota(numbers.begin(), numbers.end(), begin);
  const Batch batch(numbers);
  std::vector<KeptPtr> segments;
  for (const auto& ids : batch.tokens) segments.push_back(FakeSegment::make(ids, bytes));
  store.put(batch.slots, segments);
}

std::vector<Batch> some_batches(int count, int below) {
  std::mt19937 random(7);
  std::vector<Batch> batches;
  for (int b = 0; b < count; ++b) {
    std::vector<int> numbers(kBatch);
    for (int& number : numbers) number = static_cast<int>(random() % static_cast<unsigned>(below));
    batches.emplace_back(numbers);
  }
  return batches;
}

// Of this process, in bytes: all of it, or what a file is mapped with.
uint64_t resident(const std::string& file) {
  std::ifstream maps("/proc/self/smaps");
  uint64_t bytes = 0;
  bool counts = false;
  for (std::string line; std::getline(maps, line);) {
    if (line.find('-') < 20 && line.find('-') < line.find(' ')) counts = file.empty() || line.ends_with(file);
    if (counts && line.starts_with("Rss:")) bytes += 1024 * std::strtoull(line.c_str() + 4, nullptr, 10);
  }
  return bytes;
}

void leave_page_cache(const std::filesystem::path& path) {
  const int file = ::open(path.c_str(), O_RDONLY);
  ::fsync(file);
  ::posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
  ::close(file);
}

pid_t start(const std::function<void()>& work) {
  std::fflush(stdout);
  const pid_t child = ::fork();
  if (child != 0) return child;
  work();
  std::fflush(stdout);
  ::_exit(0);
}
bool ended_well(pid_t child) {
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

void fill(const Arguments& arguments) {
  double seconds = 0;
  {
    const auto store = open(arguments.folder);
    seconds = timed([&] {
      for (int number = 0; number < arguments.passages; number += kBatch)
        keep(*store, number, kBatch, kShort);
    });
    const auto info = store->info();
    std::printf(
        ",\n \"passages\": %llu, \"bytes_of_segments\": %llu, \"bytes_of_index\": %llu, \"segments\": %llu",
        static_cast<unsigned long long>(info->passages), static_cast<unsigned long long>(info->bytes),
        static_cast<unsigned long long>(info->index_bytes), static_cast<unsigned long long>(info->segments));
  }
  std::printf(",\n \"kept_per_second\": %.0f", arguments.passages / seconds);
}

void measure_opening(const Arguments& arguments, const char* name) {
  std::shared_ptr<PassageStore> store;
  const double seconds = timed([&] { store = open(arguments.folder); });
  std::printf(",\n \"open_seconds_%s\": %.4f", name, seconds);
}

void measure_reading(const Arguments& arguments) {
  const auto batches = some_batches(1000, arguments.passages);
  // Touches every page of the index there is: what it can weigh at most.
  const auto everywhere = some_batches(5000, arguments.passages);
  const uint64_t before = resident("");
  const auto store = open(arguments.folder);
  const auto per_passage = [&](const std::function<void(const Batch&)>& work) {
    return timed([&] {
             for (const Batch& batch : batches) work(batch);
           }) /
           static_cast<double>(batches.size() * kBatch) * 1e6;
  };
  const double cold = per_passage([&](const Batch& batch) { store->exists(batch.slots); });
  for (const Batch& batch : everywhere) store->exists(batch.slots);
  const double warm = per_passage([&](const Batch& batch) { store->exists(batch.slots); });
  const double alone = timed([&] {
                         for (const Batch& batch : batches) {
                           for (const KeptSlot& slot : batch.slots) store->exists({&slot, 1});
                         }
                       }) /
                       static_cast<double>(batches.size() * kBatch) * 1e6;
  const uint64_t index = resident("index.mdb");
  const uint64_t process = resident("") - before;
  int64_t damaged = 0;
  const double first = per_passage([&](const Batch& batch) {
    for (const KeptPtr& segment : store->get(batch.slots)) {
      if (segment == nullptr || !segment->intact()) ++damaged;
    }
  });
  const double later = per_passage([&](const Batch& batch) { store->get(batch.slots); });
  std::printf(",\n \"microseconds_a_look_up\": {\"first\": %.2f, \"of_100\": %.2f, \"alone\": %.2f}", cold,
              warm, alone);
  std::printf(
      ",\n \"microseconds_a_passage_got\": {\"first_with_checksum\": %.2f, \"later\": %.2f, "
      "\"damaged\": %lld}",
      first, later, static_cast<long long>(damaged));
  std::printf(",\n \"resident_bytes\": {\"index\": %llu, \"process_after_half_a_million_look_ups\": %llu}",
              static_cast<unsigned long long>(index), static_cast<unsigned long long>(process));
  const TierStatistics now = store->statistics();
  std::printf(",\n \"errors_alone\": %llu", static_cast<unsigned long long>(now.errors));
}

void count_errors(const PassageStore& store, Shared& shared) {
  const TierStatistics now = store.statistics();
  shared.errors += static_cast<int64_t>(now.errors);
  if (now.errors > 0) std::fprintf(stderr, "%s\n", now.last_error.c_str());
}

void read_along(const Arguments& arguments, Shared& shared, unsigned seed) {
  const auto store = open(arguments.folder);
  std::mt19937 random(seed);
  while (!shared.ends) {
    const auto below = static_cast<unsigned>(shared.next.load());
    std::vector<int> numbers(20);
    for (size_t i = 0; i < numbers.size(); ++i) {  // half of them among the newest
      numbers[i] =
          static_cast<int>(i % 2 == 0 ? random() % below : below - 1 - random() % std::min(below, 20000U));
    }
    const Batch batch(numbers);
    const auto found = store->get(batch.slots);
    for (size_t i = 0; i < found.size(); ++i) {
      const bool there = found[i] != nullptr && found[i]->intact();
      ++(there ? shared.found : shared.missing);
      if (there && !FakeSegment::right(*found[i], batch.tokens[i])) ++shared.wrong;
    }
  }
  count_errors(*store, shared);
}

void write_along(const Arguments& arguments, Shared& shared, uint64_t bound) {
  const auto store = open(arguments.folder, bound);
  while (!shared.ends) {
    const auto begin = static_cast<int>(shared.next.load());
    keep(*store, begin, 20, kLong);
    shared.next += 20;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  count_errors(*store, shared);
  shared.evicted += static_cast<int64_t>(store->statistics().evictions);
}

void run_together(const Arguments& arguments) {
  void* memory = ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  Shared& shared = *new (memory) Shared;
  shared.next = arguments.passages;
  // Room for some more than there is: then the oldest segments go.
  const uint64_t million = static_cast<uint64_t>(arguments.passages) * 4096;
  const uint64_t bound = million + std::min<uint64_t>(million / 16, 256 << 20);
  std::vector<pid_t> children;
  children.push_back(start([&] { write_along(arguments, shared, bound); }));
  for (int r = 0; r < arguments.readers; ++r) {
    children.push_back(start([&] { read_along(arguments, shared, static_cast<unsigned>(r)); }));
  }
  std::this_thread::sleep_for(std::chrono::seconds(arguments.seconds));
  shared.ends = true;
  for (const pid_t child : children) shared.failures += ended_well(child) ? 0 : 1;
  const auto store = open(arguments.folder, bound);
  const auto check = store->verify(nullptr);
  std::printf(
      ",\n \"together\": {\"readers\": %d, \"writers\": 1, \"seconds\": %d, \"passages_read\": %lld, "
      "\"wrong\": %lld, \"missing\": %lld, \"written\": %lld, \"dropped\": %lld, \"errors\": "
      "%lld, "
      "\"processes_that_failed\": %lld, \"damaged_afterwards\": %zu}",
      arguments.readers, arguments.seconds, static_cast<long long>(shared.found),
      static_cast<long long>(shared.wrong), static_cast<long long>(shared.missing),
      static_cast<long long>(shared.next - arguments.passages), static_cast<long long>(shared.evicted),
      static_cast<long long>(shared.errors), static_cast<long long>(shared.failures),
      check ? check->damage.size() : size_t{999});
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  if (argc > 1) arguments.folder = argv[1];
  int* const numbers[] = {&arguments.passages, &arguments.readers, &arguments.seconds};
  for (int i = 2; i < argc && i < 5; ++i) *numbers[i - 2] = std::atoi(argv[i]);
  if (arguments.folder.empty() || std::filesystem::exists(arguments.folder)) {
    std::fprintf(stderr,
                 "usage: headwise_kept_store FOLDER [PASSAGES [READERS [SECONDS]]]\n"
                 "FOLDER must not be there\n");
    return 2;
  }
  // Each part in a process of its own: what one has in memory is not the next one's.
  headwise::bench::print_machine("any", 1);
  bool well = ended_well(start([&] { fill(arguments); }));
  leave_page_cache(arguments.folder / "index.mdb");
  well = well && ended_well(start([&] { measure_opening(arguments, "index_from_disk"); }));
  well = well && ended_well(start([&] { measure_opening(arguments, "index_in_page_cache"); }));
  well = well && ended_well(start([&] { measure_reading(arguments); }));
  if (well) run_together(arguments);
  std::printf("}\n");
  std::filesystem::remove_all(arguments.folder);
  return well ? 0 : 1;
}
