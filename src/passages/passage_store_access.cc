// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Reading and writing of an open store.

#include <unistd.h>

#include <algorithm>

#include "base/check.h"
#include "passages/passage_store.h"

namespace headwise {
namespace {

constexpr std::chrono::milliseconds kWritePatience(2000);
constexpr std::chrono::milliseconds kErasePatience(50);

// A record where it stands in its file's mapping; its checksum is looked at when somebody asks.
class MappedRecord final : public ImageBytes {
 public:
  MappedRecord(std::shared_ptr<SegmentFile> file, const Place& place, const RecordView& record)
      : file_(std::move(file)), place_(place), record_(record) {}
  bool intact() const override { return file_->whole(place_, record_); }

 private:
  std::shared_ptr<SegmentFile> file_;
  Place place_;
  RecordView record_;
};

}  // namespace

void PassageStore::note_error(const std::string& what) {
  const std::lock_guard lock(mutex_);
  ++statistics_.errors;
  statistics_.last_error = what;
}

Result<PassageIndex::Places> PassageStore::find(std::span<const KeptSlot> slots) {
  if (::getpid() != process_) {
    return fail(ErrorCode::kUsage,
                "kept passages were opened by the parent of this process: open them again");
  }
  const auto index = current_index();
  HW_RETURN_IF_ERROR(index);
  if (read_only_.empty() || lock_file_.get() < 0) return (*index)->find(slots);
  // LMDB does not know of this reader: writers are kept out meanwhile.
  std::unique_lock thread(write_mutex_);
  const auto held = StoreLock::take(lock_file_.get(), LOCK_SH, kWritePatience);
  HW_RETURN_IF_ERROR(held);
  return (*index)->find(slots);
}

std::vector<KeptPtr> PassageStore::get(std::span<const KeptSlot> slots) {
  std::vector<KeptPtr> found(slots.size());
  const auto places = find(slots);
  if (!places) {
    note_error(places.error().to_string());
    return found;
  }
  std::vector<RecordReader::Wanted> wanted(slots.size());
  for (size_t i = 0; i < slots.size(); ++i) {
    const auto& place = (*places)[i];
    auto file = place ? segment(*place) : nullptr;
    if (file != nullptr && !file->bytes(*place).empty()) wanted[i] = {std::move(file), *place};
  }
  const auto arriving = records_.begin(wanted);
  std::vector<Rotten> rotten;
  for (size_t i = 0; i < slots.size(); ++i) {
    if ((*places)[i]) found[i] = read(slots[i], *(*places)[i], arriving[i], rotten);
  }
  if (!rotten.empty() && read_only_.empty()) erase(rotten);
  const auto missing = static_cast<uint64_t>(std::ranges::count(found, nullptr));
  const std::lock_guard lock(mutex_);
  statistics_.hits += slots.size() - missing;
  statistics_.misses += missing;
  return found;
}

std::shared_ptr<SegmentFile> PassageStore::segment(const Place& place) {
  const uint64_t end = (uint64_t{place.page} + place.pages) * kPlacePage;
  {
    const std::lock_guard lock(mutex_);
    const auto known = segments_.find(place.segment);
    if (known != segments_.end() && end <= known->second->reach()) return known->second;
  }
  auto opened = SegmentFile::open(segment_path(place.segment), std::max(end, segment_pages_ * kPlacePage));
  if (!opened) {
    if (opened.error().code() != ErrorCode::kNotFound) note_error(opened.error().to_string());
    return nullptr;
  }
  const std::lock_guard lock(mutex_);
  auto& known = segments_[place.segment];
  if (known == nullptr || known->reach() < (*opened)->reach()) known = std::move(*opened);
  return known;
}

void PassageStore::forget_segment(uint32_t number) {
  const std::lock_guard lock(mutex_);
  segments_.erase(number);
}

KeptPtr PassageStore::read(const KeptSlot& slot, const Place& place,
                           const std::shared_ptr<ArrivingRecord>& arriving, std::vector<Rotten>& rotten) {
  const auto damaged = [&](const std::string& what) -> KeptPtr {
    note_error(segment_path(place.segment).string() + " at byte " + std::to_string(place.page * kPlacePage) +
               ": " + what);
    rotten.push_back({slot.key, place});
    return nullptr;
  };
  const auto file = segment(place);
  std::error_code ignored;
  // Evicted a moment ago, or lost. A file that grew since it was mapped may be gone before its new size is
  // known.
  if (file == nullptr ||
      (file->bytes(place).empty() && !std::filesystem::exists(segment_path(place.segment), ignored))) {
    rotten.push_back({slot.key, place});
    return nullptr;
  }
  const auto record = arriving != nullptr ? arriving->record() : file->record(place);
  if (!record) return damaged(record.error().message());
  if (record->key != slot.key) return damaged("another passage stands there");
  // Two passages of one key: what is kept is the other's.
  const bool same = std::ranges::equal(record->tokens, slot.tokens);
  const auto bytes = arriving != nullptr ? std::shared_ptr<const ImageBytes>(arriving)
                                         : std::make_shared<MappedRecord>(file, place, *record);
  if (file->known_damaged(place) || (!same && !bytes->intact())) {
    return damaged("its checksum is wrong");
  }
  if (!same) return nullptr;
  auto segment = reader_(record->image, bytes);
  if (!segment) return damaged(segment.error().message());
  return std::move(*segment);
}

// The passages are encoded and kept again.
void PassageStore::erase(const std::vector<Rotten>& rotten) {
  const auto held = hold(kErasePatience);
  if (!held) return;
  const Status erased = [&]() -> Status {
    auto writer = PassageIndex::Writer::begin(*index());
    HW_RETURN_IF_ERROR(writer);
    auto rows = writer->segments();
    HW_RETURN_IF_ERROR(rows);
    for (const Rotten& one : rotten) {
      const auto place = writer->find(one.key);
      HW_RETURN_IF_ERROR(place);
      if (*place != one.place) continue;
      HW_RETURN_IF_ERROR(writer->erase(one.key));
      const auto row = std::ranges::find(*rows, one.place.segment, &SegmentRow::number);
      if (row == rows->end()) continue;
      row->live_pages -= std::min(row->live_pages, one.place.pages);
      row->passages -= std::min(row->passages, 1U);
      HW_RETURN_IF_ERROR(writer->set(*row));
    }
    return writer->commit();
  }();
  if (!erased) note_error(erased.error().to_string());
}

std::vector<bool> PassageStore::exists(std::span<const KeptSlot> slots) {
  std::vector<bool> there(slots.size());
  const auto places = find(slots);
  if (!places) note_error(places.error().to_string());
  for (size_t i = 0; places && i < slots.size(); ++i) there[i] = (*places)[i].has_value();
  return there;
}

void PassageStore::put(std::span<const KeptSlot> slots, std::span<const KeptPtr> segments) {
  std::vector<Item> items;
  for (size_t i = 0; i < slots.size(); ++i) {
    if (segments[i] == nullptr) continue;
    const uint32_t pages = record_pages(slots[i].tokens.size(), segments[i]->image().size());
    items.push_back({slots[i], segments[i], pages});
  }
  if (items.empty()) return;
  const Status kept = [&]() -> Status {
    const auto held = hold(kWritePatience);
    HW_RETURN_IF_ERROR(held);
    return append(std::move(items));
  }();
  if (!kept) note_error(kept.error().to_string());
}

Status PassageStore::append(std::vector<Item> items) {
  std::vector<KeptSlot> slots;
  for (const Item& item : items) slots.push_back(item.slot);
  const auto places = index()->find(slots);
  HW_RETURN_IF_ERROR(places);
  std::vector<Item> fresh;
  for (size_t i = 0; i < items.size(); ++i) {
    const bool again =
        std::ranges::any_of(fresh, [&](const Item& item) { return item.slot.key == slots[i].key; });
    const bool fits = bound_pages_ == 0 || items[i].pages <= bound_pages_;
    if (!(*places)[i] && !again && fits) fresh.push_back(std::move(items[i]));
  }
  for (std::span<const Item> left(fresh); !left.empty();) {
    const auto written = append_run(left);
    HW_RETURN_IF_ERROR(written);
    left = left.subspan(*written);
  }
  return {};
}

// As many as the segment has room for that is written now, or a new one. First the bytes, then the
// transaction that says so.
Result<size_t> PassageStore::append_run(std::span<const Item> items) {
  HW_RETURN_IF_ERROR(make_room(items[0].pages));
  auto writer = PassageIndex::Writer::begin(*index());
  HW_RETURN_IF_ERROR(writer);
  const auto rows = writer->segments();
  HW_RETURN_IF_ERROR(rows);
  uint64_t all = 0;
  for (const SegmentRow& row : *rows) all += row.pages;
  SegmentRow row;
  if (!rows->empty() && rows->back().pages + uint64_t{items[0].pages} <= segment_pages_) {
    row = rows->back();
  } else {
    const auto number = writer->next_segment();
    HW_RETURN_IF_ERROR(number);
    row.number = *number;
  }
  const uint32_t begin = row.pages;
  std::vector<KeptSlot> slots;
  std::vector<KeptPtr> segments;
  for (const Item& item : items) {
    const bool first = slots.empty();
    if (!first && row.pages + uint64_t{item.pages} > segment_pages_) break;
    if (!first && bound_pages_ != 0 && all + item.pages > bound_pages_) break;
    HW_RETURN_IF_ERROR(writer->put(item.slot.key, {row.number, row.pages, item.pages}));
    slots.push_back(item.slot);
    segments.push_back(item.segment);
    all += item.pages;
    row.pages += item.pages;
    row.live_pages += item.pages;
    ++row.passages;
  }
  HW_RETURN_IF_ERROR(write_records(segment_path(row.number), begin, slots, segments));
  HW_RETURN_IF_ERROR(writer->set(row));
  HW_RETURN_IF_ERROR(writer->commit());
  return slots.size();
}

Status PassageStore::make_room(uint64_t pages) {
  if (bound_pages_ == 0) return {};
  const auto rows = index()->segments();
  HW_RETURN_IF_ERROR(rows);
  uint64_t all = 0;
  for (const SegmentRow& row : *rows) all += row.pages;
  for (const SegmentRow& row : *rows) {
    if (all + pages <= bound_pages_) break;
    HW_RETURN_IF_ERROR(drop_segment(row));
    all -= row.pages;
    const std::lock_guard lock(mutex_);
    statistics_.evictions += row.passages;
  }
  return {};
}

// Entries first, then the file: who finds an entry meanwhile and no file has a miss.
Status PassageStore::drop_segment(const SegmentRow& row) {
  auto writer = PassageIndex::Writer::begin(*index());
  HW_RETURN_IF_ERROR(writer);
  uint32_t erased = 0;
  const auto erase_entry = [&](const PassageKey& key, const Place& place) -> Status {
    const auto known = writer->find(key);
    HW_RETURN_IF_ERROR(known);
    if (*known != place) return {};
    ++erased;
    return writer->erase(key);
  };
  Status done;
  if (const auto file = SegmentFile::open(segment_path(row.number), 0)) {
    each_record(**file, row.number, row.pages, [&](const Place& place, const RecordView& record) {
      done = erase_entry(record.key, place);
      return done.has_value();
    });
    HW_RETURN_IF_ERROR(done);
  }
  if (erased < row.passages) {  // records that cannot be read: their entries are looked for one by one
    std::vector<Rotten> left;
    HW_RETURN_IF_ERROR(index()->each([&](const PassageKey& key, const Place& place) {
      if (place.segment == row.number) left.push_back({key, place});
      return true;
    }));
    for (const Rotten& one : left) HW_RETURN_IF_ERROR(erase_entry(one.key, one.place));
  }
  HW_RETURN_IF_ERROR(writer->erase_segment(row.number));
  HW_RETURN_IF_ERROR(writer->commit());
  forget_segment(row.number);
  std::error_code ignored;
  std::filesystem::remove(segment_path(row.number), ignored);
  return {};
}

TierStatistics PassageStore::statistics() const {
  const auto rows = index()->segments();
  const std::lock_guard lock(mutex_);
  TierStatistics now = statistics_;
  for (const SegmentRow& row : rows ? *rows : std::vector<SegmentRow>()) {
    now.passages += row.passages;
    now.bytes += row.pages * kPlacePage;
  }
  return now;
}

}  // namespace headwise
