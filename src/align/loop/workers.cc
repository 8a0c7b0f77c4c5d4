// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "align/loop/workers.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <span>
#include <thread>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#include <utility>

#include "base/check.h"

namespace headwise {
namespace {

using std::chrono::milliseconds;

// Longer than rank 0 takes for its held-out queries, while the others wait.
constexpr auto kLongestWait = std::chrono::hours(1);
constexpr auto kLongestMeeting = std::chrono::minutes(5);

// Stores of newer libtorch refuse a message of more than 8 MiB.
constexpr size_t kPart = size_t{4} << 20;

std::string key_of(int64_t exchange, int rank) {
  return "headwise/" + std::to_string(exchange) + "/" + std::to_string(rank);
}
std::string part_of(const std::string& key, size_t part) { return key + "/" + std::to_string(part); }
size_t parts_of(size_t bytes) { return (bytes + kPart - 1) / kPart; }

template <typename Do>
auto guarded(const std::string& doing, const Do& what) -> Result<decltype(what())> {
  try {
    return what();
  } catch (const std::exception& error) {
    const std::string text = error.what();
    return fail(ErrorCode::kIo, doing + ": " + text.substr(0, text.find('\n')) + "; is another worker gone?");
  }
}

template <typename Do>
Status attempt(const std::string& doing, const Do& what) {
  const auto done = guarded(doing, [&] {
    what();
    return true;
  });
  return done ? Status{} : fail(Error(done.error()));
}

// The parts first: who finds the key, which says how many bytes they are, finds them, too.
Status post(c10d::TCPStore& store, const std::string& key, const std::string& bytes) {
  return attempt("sending to the other workers", [&] {
    const std::span<const char> all(bytes);
    for (size_t part = 0; part < parts_of(bytes.size()); ++part) {
      const auto piece = all.subspan(part * kPart, std::min(kPart, bytes.size() - part * kPart));
      store.set(part_of(key, part), std::vector<uint8_t>(piece.begin(), piece.end()));
    }
    const std::string count = std::to_string(bytes.size());
    store.set(key, std::vector<uint8_t>(count.begin(), count.end()));
  });
}

Result<std::string> fetch(c10d::TCPStore& store, const std::string& key) {
  return guarded("reading from the other workers", [&] {
    const auto text = [&](const std::string& name) {
      const auto value = store.get(name);
      return std::string(value.begin(), value.end());
    };
    const size_t count = std::stoull(text(key));
    std::string bytes;
    for (size_t part = 0; part < parts_of(count); ++part) bytes += text(part_of(key, part));
    return bytes;
  });
}

Status clear(c10d::TCPStore& store, const std::string& key) {
  return attempt("clearing what was sent", [&] {
    for (size_t part = 0; store.deleteKey(part_of(key, part)); ++part) continue;
    store.deleteKey(key);
  });
}

}  // namespace

Result<TrainingWorkers> TrainingWorkers::join(const WorkersOptions& options) {
  TrainingWorkers workers;
  workers.options_ = options;
  if (options.count <= 1) return workers;
  c10d::TCPStoreOptions store;
  store.port = static_cast<uint16_t>(options.port);
  store.isServer = options.rank == 0 && !options.store_runs;
  store.waitWorkers = false;
  store.timeout = kLongestMeeting;
  const std::string where = options.host + ":" + std::to_string(options.port);
  auto opened = guarded("meeting the other workers at " + where,
                        [&] { return std::make_shared<c10d::TCPStore>(options.host, store); });
  HW_RETURN_IF_ERROR(opened);
  workers.store_ = std::move(*opened);
  return workers;
}

// By asking again and again: a wait inside the store could not be told from a worker that computes.
Result<std::string> TrainingWorkers::wait_for(const std::string& key) {
  const auto begun = std::chrono::steady_clock::now();
  for (milliseconds pause{1}; std::chrono::steady_clock::now() - begun < kLongestWait;
       pause = std::min(2 * pause, milliseconds(50))) {
    const auto there = guarded("waiting for the other workers", [&] { return store_->check({key}); });
    HW_RETURN_IF_ERROR(there);
    if (*there) return fetch(*store_, key);
    std::this_thread::sleep_for(pause);
  }
  return fail(ErrorCode::kIo, "a worker gave nothing for an hour (" + key + "); is it gone?");
}

Status TrainingWorkers::add_up(std::vector<float>& values) {
  if (options_.count <= 1) return {};
  const int64_t exchange = exchanges_++;
  std::string own(values.size() * sizeof(float), '\0');
  std::memcpy(own.data(), values.data(), own.size());
  HW_RETURN_IF_ERROR(post(*store_, key_of(exchange, options_.rank), own));
  std::vector<float> part(values.size());
  for (int rank = 0; rank < options_.count; ++rank) {
    const auto bytes = wait_for(key_of(exchange, rank));
    HW_RETURN_IF_ERROR(bytes);
    if (bytes->size() != own.size()) {
      return fail(ErrorCode::kUsage, "rank " + std::to_string(rank) + " sent " +
                                         std::to_string(bytes->size()) + " bytes, this one " +
                                         std::to_string(own.size()) +
                                         ": start every worker with the same flags");
    }
    std::memcpy(part.data(), bytes->data(), bytes->size());
    for (size_t i = 0; i < values.size(); ++i) values[i] = rank == 0 ? part[i] : values[i] + part[i];
  }
  // Who has sent this exchange has read the one before.
  return exchange > 0 ? clear(*store_, key_of(exchange - 1, options_.rank)) : Status{};
}

Status TrainingWorkers::share(std::string& bytes) {
  if (options_.count <= 1) return {};
  const int64_t exchange = exchanges_++;
  if (leads()) {
    HW_RETURN_IF_ERROR(post(*store_, key_of(exchange, 0), bytes));
  } else {
    auto found = wait_for(key_of(exchange, 0));
    HW_RETURN_IF_ERROR(found);
    bytes = std::move(*found);
  }
  // So that everyone has read it before the next exchange clears it.
  std::vector<float> nothing(1, 0.0f);
  return add_up(nothing);
}

Status TrainingWorkers::leave() {
  if (options_.count <= 1) return {};
  const auto key = [](int rank) { return "headwise/leaves/" + std::to_string(rank); };
  HW_RETURN_IF_ERROR(post(*store_, key(options_.rank), "bye"));
  for (int rank = 1; leads() && rank < options_.count; ++rank) {
    const auto left = wait_for(key(rank));
    HW_RETURN_IF_ERROR(left);
  }
  return {};
}

}  // namespace headwise
