// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "passages/record_reader.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <map>
#include <utility>

namespace headwise {
namespace {

// So many requests keep a disk busy; between them the threads wait.
constexpr size_t kThreads = 8;
// Of one call; the mapping, whose pages the system takes back, serves the rest.
constexpr uint64_t kMostBytes = uint64_t{512} << 20;

}  // namespace

// A child process has the object and not the threads: nobody to wait for.
RecordReader::~RecordReader() {
  for (std::jthread& thread : threads_) {
    if (::getpid() != process_) thread.detach();
  }
}

std::vector<std::shared_ptr<ArrivingRecord>> RecordReader::begin(std::span<const Wanted> wanted) {
  std::vector<size_t> cold;  // places in `wanted`
  std::vector<Wanted> unchecked;
  uint64_t bytes = 0;
  for (size_t i = 0; i < wanted.size(); ++i) {
    const auto& [file, place] = wanted[i];
    if (file == nullptr) continue;
    const uint64_t length = place.pages * kPlacePage;
    if (!file->resident(place) && bytes + length <= kMostBytes) {
      bytes += length;
      cold.push_back(i);
    } else if (!file->known_whole(place)) {
      unchecked.push_back(wanted[i]);
    }
  }
  std::vector<Coming> coming = make_room(wanted, cold);
  std::vector<std::shared_ptr<ArrivingRecord>> records(wanted.size());
  for (size_t k = 0; k < coming.size(); ++k) records[cold[k]] = coming[k].record;
  std::erase_if(coming, [](const Coming& one) { return one.record == nullptr; });
  if (!coming.empty() || !unchecked.empty()) start(std::move(coming), std::move(unchecked));
  return records;
}

// By place in `cold`; without a record where the file is gone, none at all where there is no memory.
std::vector<RecordReader::Coming> RecordReader::make_room(std::span<const Wanted> wanted,
                                                          std::span<const size_t> cold) {
  size_t bytes = 0;
  for (const size_t i : cold) bytes += wanted[i].place.pages * kPlacePage;
  const auto memory = bytes > 0 ? memory_.take(bytes) : nullptr;
  if (memory == nullptr) return {};
  std::map<std::pair<SegmentFile*, bool>, std::shared_ptr<const SegmentFile::Descriptors>> opened;
  std::vector<Coming> coming;
  std::byte* to = memory.get();
  for (const size_t i : cold) {
    const auto& [file, place] = wanted[i];
    const bool again = file->asked_before(place);
    auto& from = opened[{file.get(), again}];
    if (from == nullptr) from = std::make_shared<SegmentFile::Descriptors>(file->path(), !again);
    const size_t length = place.pages * kPlacePage;
    Coming& one = coming.emplace_back(Coming{nullptr, from});
    if (from->open())
      one.record = std::make_shared<ArrivingRecord>(file, place, std::span(to, length), memory);
    to += length;
  }
  return coming;
}

// A record's pieces are read by one thread.
void RecordReader::start(std::vector<Coming> coming, std::vector<Wanted> unchecked) {
  std::array<Share, kThreads> shares;
  for (size_t i = 0; i < coming.size(); ++i) shares[i % kThreads].coming.push_back(std::move(coming[i]));
  for (size_t i = 0; i < unchecked.size(); ++i) {
    shares[i % kThreads].unchecked.push_back(std::move(unchecked[i]));
  }
  {
    const std::lock_guard lock(mutex_);
    for (Share& share : shares) {
      if (!share.coming.empty() || !share.unchecked.empty()) shares_.push_back(std::move(share));
    }
    process_ = ::getpid();
    while (threads_.size() < kThreads) {
      threads_.emplace_back([this](const std::stop_token& stop) { work(stop); });
    }
  }
  more_.notify_all();
}

void RecordReader::work(const std::stop_token& stop) {
  for (;;) {
    Share share;
    {
      std::unique_lock lock(mutex_);
      more_.wait(lock, stop, [&] { return !shares_.empty(); });
      if (shares_.empty()) return;  // to the end: somebody waits for what was begun
      share = std::move(shares_.front());
      shares_.pop_front();
    }
    int pieces = 0;
    for (const Coming& one : share.coming) pieces = std::max(pieces, one.record->pieces());
    for (int piece = 0; piece < pieces; ++piece) {
      for (const Coming& one : share.coming) {
        if (stop.stop_requested()) {
          one.record->give_up();
        } else if (piece < one.record->pieces()) {
          one.record->read(*one.from);
        }
      }
    }
    for (const auto& [file, place] : share.unchecked) {
      if (stop.stop_requested()) break;
      const auto record = file->record(place);
      if (record) file->whole(place, *record);
    }
  }
}

}  // namespace headwise
