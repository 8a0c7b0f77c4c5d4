// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "passages/passage_cache.h"

#include <algorithm>
#include <limits>

#include "base/check.h"
#include "passages/open_store.h"
#include "passages/shared_passages.h"

namespace headwise {
namespace {

int64_t length(const KeptSlot& slot) { return static_cast<int64_t>(slot.tokens.size()); }

bool stands(const KeptSegment& segment, const KeptSlot& slot, int64_t first_position) {
  return segment.tokens() == length(slot) && segment.first_position() == first_position;
}

}  // namespace

Result<std::shared_ptr<PassageCache>> PassageCache::open(const KeepOptions& options, KeptContext context,
                                                         SegmentReader reader) {
  std::shared_ptr<PassageCache> cache(new PassageCache(options, std::move(context)));
  if (options.store.empty()) return cache;
  auto store = open_store(options, cache->context_, reader);
  HW_RETURN_IF_ERROR(store);
  cache->store_ = std::move(*store);
  cache->store_room_ = options.store_bytes > 0 ? options.store_bytes : std::numeric_limits<uint64_t>::max();
  if (options.second_sight) cache->seen_ = std::make_unique<SeenOnce>();
  return cache;
}

PassageCache::PassageCache(const KeepOptions& options, KeptContext context)
    : context_(std::move(context)),
      digest_(context_.digest()),
      prefix_digest_(prefix_digest(digest_)),
      shared_(SharedPassages::of(context_.model)) {
  if (options.memory == 0) return;
  shared_->memory.raise_bound(options.memory);
  memory_ = &shared_->memory;
}

std::vector<KeptSlot> PassageCache::named(Slots slots) const {
  std::vector<KeptSlot> named;
  named.reserve(slots.size());
  for (const auto& tokens : slots) named.push_back({passage_key(digest_, tokens), tokens});
  return named;
}

std::vector<KeptPtr> PassageCache::find(Slots slots) {
  const std::vector<KeptSlot> wanted = named(slots);
  return get(wanted, static_cast<int64_t>(context_.prefix.size()));
}

KeptPtr PassageCache::find_prefix() {
  const KeptSlot prefix{passage_key(prefix_digest_, context_.prefix), context_.prefix};
  std::vector<KeptPtr> found(1);
  if (memory_ != nullptr) found = memory_->get({&prefix, 1});
  if (found[0] == nullptr) get_from_store({&prefix, 1}, found);
  return found[0] != nullptr && stands(*found[0], prefix, 0) ? found[0] : nullptr;
}

std::vector<KeptPtr> PassageCache::get(std::span<const KeptSlot> slots, int64_t first_position) {
  std::vector<KeptPtr> found(slots.size());
  if (memory_ != nullptr) found = memory_->get(slots);
  const auto present = [](const KeptPtr& segment) { return segment != nullptr; };
  const uint64_t near = std::ranges::count_if(found, present);
  offer_to_store(slots, found);
  get_from_store(slots, found);
  for (size_t i = 0; i < slots.size(); ++i) {
    if (found[i] != nullptr && !stands(*found[i], slots[i], first_position)) found[i] = nullptr;
  }
  const uint64_t all = std::ranges::count_if(found, present);
  shared_->hits += std::min(near, all);
  shared_->store_hits += all - std::min(near, all);
  shared_->misses += slots.size() - all;
  return found;
}

void PassageCache::get_from_store(std::span<const KeptSlot> slots, std::vector<KeptPtr>& found) {
  if (store_ == nullptr) return;
  std::vector<KeptSlot> missing;
  std::vector<size_t> places;
  for (size_t i = 0; i < slots.size(); ++i) {
    if (found[i] != nullptr) continue;
    missing.push_back(slots[i]);
    places.push_back(i);
  }
  if (missing.empty()) return;
  const std::vector<KeptPtr> got = store_->get(missing);
  for (size_t m = 0; m < missing.size(); ++m) found[places[m]] = got[m];
  if (store_->far() && memory_ != nullptr) memory_->put(missing, got);
}

void PassageCache::offer_to_store(std::span<const KeptSlot> slots, const std::vector<KeptPtr>& found) {
  if (store_ == nullptr || seen_ == nullptr) return;
  std::vector<KeptSlot> second;
  std::vector<KeptPtr> segments;
  for (size_t i = 0; i < slots.size(); ++i) {
    if (found[i] == nullptr || !seen_->take(slots[i].key)) continue;
    second.push_back(slots[i]);
    segments.push_back(found[i]);
  }
  if (!second.empty()) store_->put(second, segments);
}

void PassageCache::keep(Slots slots, std::span<const KeptPtr> segments) {
  const std::vector<KeptSlot> fresh = named(slots);
  if (memory_ != nullptr) memory_->put(fresh, segments);
  if (store_ == nullptr) return;
  std::vector<KeptPtr> admitted(segments.begin(), segments.end());
  for (size_t i = 0; seen_ != nullptr && i < fresh.size(); ++i) {
    if (admitted[i] == nullptr || seen_->take(fresh[i].key)) continue;
    seen_->note(fresh[i].key);
    admitted[i] = nullptr;
  }
  if (std::ranges::any_of(admitted, [](const KeptPtr& segment) { return segment != nullptr; })) {
    store_->put(fresh, admitted);
  }
}

void PassageCache::keep_prefix(const KeptPtr& segment) {
  const KeptSlot prefix{passage_key(prefix_digest_, context_.prefix), context_.prefix};
  if (memory_ != nullptr) memory_->put({&prefix, 1}, {&segment, 1});
  if (store_ != nullptr) store_->put({&prefix, 1}, {&segment, 1});
}

std::vector<bool> PassageCache::exists(Slots slots) {
  const std::vector<KeptSlot> wanted = named(slots);
  if (store_ != nullptr) return store_->exists(wanted);
  return memory_ != nullptr ? memory_->exists(wanted) : std::vector<bool>(slots.size());
}

KeepStatistics PassageCache::statistics() const {
  const TierStatistics memory = shared_->memory.statistics();
  const TierStatistics store = store_ != nullptr ? store_->statistics() : TierStatistics{};
  return {.hits = shared_->hits,
          .store_hits = shared_->store_hits,
          .misses = shared_->misses,
          .evictions = memory.evictions,
          .passages = memory.passages,
          .bytes = memory.bytes,
          .store_errors = store.errors,
          .store_error = store.last_error};
}

uint64_t PassageCache::room() const {
  return std::max(store_room_, memory_ != nullptr ? shared_->memory.bound() : 0);
}

}  // namespace headwise
