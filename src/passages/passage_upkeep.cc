// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What `headwise passages` does to a store: info, verify, compact, drop; and its index made again.

#include <algorithm>
#include <limits>

#include "base/check.h"
#include "passages/passage_store.h"

namespace headwise {
namespace {

constexpr std::chrono::milliseconds kPatience(30000);
constexpr std::string_view kMegabytes = "MB";

class Steps {
 public:
  Steps(ProgressSink* sink, uint64_t pages) : sink_(sink), all_(pages) {}
  // kCancelled once the user wants out.
  Status advance(uint64_t pages) {
    done_ += pages;
    if (sink_ == nullptr) return {};
    sink_->advance(kMegabytes, static_cast<int64_t>(done_ / 256), static_cast<int64_t>(all_ / 256));
    if (sink_->stop_requested()) return fail(ErrorCode::kCancelled, "stopped");
    return {};
  }

 private:
  ProgressSink* sink_;
  uint64_t all_;
  uint64_t done_ = 0;
};

uint64_t sum_pages(const std::vector<SegmentRow>& rows) {
  uint64_t pages = 0;
  for (const SegmentRow& row : rows) pages += row.pages;
  return pages;
}

// Of one file, into an index that does not know it.
Status fill_from(PassageIndex& index, const SegmentFile& file, uint32_t number, bool check_all) {
  auto writer = PassageIndex::Writer::begin(index);
  HW_RETURN_IF_ERROR(writer);
  auto rows = writer->segments();
  HW_RETURN_IF_ERROR(rows);
  rows->push_back({.number = number});
  Status done;
  const auto take = [&](const Place& place, const RecordView& record) -> Status {
    rows->back().pages = place.page + place.pages;
    if (check_all && !whole_record(record)) return {};
    const auto before = writer->find(record.key);
    HW_RETURN_IF_ERROR(before);
    if (*before) {  // kept again since: the later one is the better one
      const auto row = std::ranges::find(*rows, (*before)->segment, &SegmentRow::number);
      row->live_pages -= (*before)->pages;
      --row->passages;
      HW_RETURN_IF_ERROR(writer->set(*row));
    }
    rows->back().live_pages += place.pages;
    ++rows->back().passages;
    return writer->put(record.key, place);
  };
  each_record(file, number, std::numeric_limits<uint32_t>::max(),
              [&](const Place& place, const RecordView& record) {
                done = take(place, record);
                return done.has_value();
              });
  HW_RETURN_IF_ERROR(done);
  HW_RETURN_IF_ERROR(writer->set(rows->back()));
  HW_RETURN_IF_ERROR(writer->reserve_segments(number));
  return writer->commit();
}

}  // namespace

Status fill_index(PassageIndex& index, const std::filesystem::path& folder, bool check_all) {
  std::vector<uint32_t> numbers;
  std::error_code error;
  for (auto entry = std::filesystem::directory_iterator(folder, error);
       !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    const uint32_t number = segment_number(entry->path().filename().string());
    if (number != 0) numbers.push_back(number);
  }
  std::ranges::sort(numbers);
  for (const uint32_t number : numbers) {
    const auto file = SegmentFile::open(folder / segment_name(number), 0);
    HW_RETURN_IF_ERROR(file);
    HW_RETURN_IF_ERROR(fill_from(index, **file, number, check_all));
  }
  return {};
}

Result<StoreInfo> PassageStore::info() const {
  const auto rows = index()->segments();
  HW_RETURN_IF_ERROR(rows);
  StoreInfo info;
  info.manifest = manifest_;
  info.read_only = read_only_;
  info.segments = rows->size();
  for (const SegmentRow& row : *rows) {
    info.passages += row.passages;
    info.bytes += row.pages * kPlacePage;
    info.dead_bytes += (row.pages - std::min(row.pages, row.live_pages)) * kPlacePage;
  }
  if (const auto prefix = manifest_.find("prefix"); prefix != manifest_.end() && info.passages > 0) {
    const auto ids = prefix->get<std::vector<int32_t>>();
    const KeptSlot slot{passage_key(prefix_digest(context_digest(manifest_)), ids), ids};
    const auto there = index()->find({&slot, 1});
    HW_RETURN_IF_ERROR(there);
    if (there->front()) --info.passages;  // what stands in front of passages is none
  }
  std::error_code ignored;
  const auto bytes = std::filesystem::file_size(folder_ / "index.mdb", ignored);
  info.index_bytes = ignored ? 0 : bytes;
  return info;
}

Result<StoreCheck> PassageStore::verify(ProgressSink* progress) const {
  struct Entry {
    Place place;
    PassageKey key;
  };
  std::vector<Entry> entries;
  const auto now = index();
  HW_RETURN_IF_ERROR(now->each([&](const PassageKey& key, const Place& place) {
    entries.push_back({place, key});
    return true;
  }));
  std::ranges::sort(entries, {},
                    [](const Entry& entry) { return std::pair(entry.place.segment, entry.place.page); });
  uint64_t pages = 0;
  for (const Entry& entry : entries) pages += entry.place.pages;
  Steps steps(progress, pages);
  StoreCheck check;
  std::shared_ptr<SegmentFile> file;
  uint32_t number = 0;
  for (const Entry& entry : entries) {
    const Place& place = entry.place;
    if (place.segment != number) {
      auto opened = SegmentFile::open(segment_path(place.segment), 0);
      file = opened ? std::move(*opened) : nullptr;
      number = place.segment;
    }
    const auto damaged = [&](const std::string& what) {
      check.damage.push_back({segment_name(place.segment), place.page * kPlacePage, what});
    };
    const auto record =
        file == nullptr ? fail(ErrorCode::kNotFound, "the file is missing") : file->record(place);
    if (!record) {
      damaged(record.error().message());
    } else if (record->key != entry.key) {
      damaged("another passage stands there");
    } else if (!whole_record(*record)) {
      damaged("its checksum is wrong");
    } else {
      ++check.passages;
    }
    HW_RETURN_IF_ERROR(steps.advance(place.pages));
  }
  return check;
}

Result<uint64_t> PassageStore::compact(ProgressSink* progress) {
  const auto rows = index()->segments();
  HW_RETURN_IF_ERROR(rows);
  Steps steps(progress, sum_pages(*rows));
  uint64_t given_back = 0;
  for (const SegmentRow& row : *rows) {
    const auto held = hold(kPatience);
    HW_RETURN_IF_ERROR(held);
    const auto now = index()->segments();
    HW_RETURN_IF_ERROR(now);
    const auto same = std::ranges::find(*now, row.number, &SegmentRow::number);
    if (same != now->end() && same->live_pages < same->pages) {
      const auto bytes = compact_segment(*same);
      HW_RETURN_IF_ERROR(bytes);
      given_back += *bytes;
    }
    HW_RETURN_IF_ERROR(steps.advance(row.pages));
  }
  return given_back;
}

namespace {

// A record of an old segment as one to be written again.
class StandingRecord final : public KeptSegment {
 public:
  StandingRecord(std::span<const std::byte> image, std::shared_ptr<const void> owner)
      : image_(image), owner_(std::move(owner)) {}
  int64_t tokens() const override { return 0; }
  int64_t first_position() const override { return 0; }
  int layers() const override { return 0; }
  size_t bytes() const override { return image_.size(); }
  std::vector<float> keys(int, int) const override { return {}; }
  std::vector<float> values(int, int) const override { return {}; }
  std::span<const std::byte> image() const override { return image_; }
  KeptPtr reduced(const KeptForm&, std::span<const float>) const override { return nullptr; }

 private:
  std::span<const std::byte> image_;
  std::shared_ptr<const void> owner_;
};

}  // namespace

Result<uint64_t> PassageStore::compact_segment(const SegmentRow& row) {
  const auto copied = copy_live(row);
  HW_RETURN_IF_ERROR(copied);
  const uint32_t left = row.passages - std::min(row.passages, copied->passages);
  HW_RETURN_IF_ERROR(drop_segment({row.number, row.pages, row.live_pages, left}));
  return (row.pages - std::min(row.pages, copied->pages)) * kPlacePage;
}

// Into a new segment in one transaction: at no moment is a passage missing.
Result<SegmentRow> PassageStore::copy_live(const SegmentRow& row) {
  auto writer = PassageIndex::Writer::begin(*index());
  HW_RETURN_IF_ERROR(writer);
  std::vector<KeptSlot> slots;
  std::vector<KeptPtr> segments;
  if (const auto file = SegmentFile::open(segment_path(row.number), 0)) {
    each_record(**file, row.number, row.pages, [&](const Place& place, const RecordView& record) {
      const auto known = writer->find(record.key);
      if (!known || *known != place || !whole_record(record)) return true;
      slots.push_back({record.key, record.tokens});
      segments.push_back(std::make_shared<StandingRecord>(record.image, *file));
      return true;
    });
  }
  SegmentRow fresh;
  if (slots.empty()) return fresh;
  const auto number = writer->next_segment();
  HW_RETURN_IF_ERROR(number);
  fresh.number = *number;
  for (size_t i = 0; i < slots.size(); ++i) {
    const uint32_t pages = record_pages(slots[i].tokens.size(), segments[i]->image().size());
    HW_RETURN_IF_ERROR(writer->put(slots[i].key, {fresh.number, fresh.pages, pages}));
    fresh.pages += pages;
  }
  fresh.live_pages = fresh.pages;
  fresh.passages = static_cast<uint32_t>(slots.size());
  HW_RETURN_IF_ERROR(write_records(segment_path(fresh.number), 0, slots, segments));
  HW_RETURN_IF_ERROR(writer->set(fresh));
  HW_RETURN_IF_ERROR(writer->commit());
  return fresh;
}

Status PassageStore::rebuild() {
  const auto held = hold(kPatience);
  HW_RETURN_IF_ERROR(held);
  return make_index(true);
}

Status PassageStore::drop() {
  const auto held = hold(kPatience);
  HW_RETURN_IF_ERROR(held);
  const auto rows = index()->segments();
  HW_RETURN_IF_ERROR(rows);
  for (const SegmentRow& row : *rows) HW_RETURN_IF_ERROR(drop_segment(row));
  std::error_code error;
  std::vector<std::filesystem::path> files;
  for (auto entry = std::filesystem::directory_iterator(folder_, error);
       !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (segment_number(name) != 0 || name.starts_with("index.") || name == "lock" || name == "users")
      files.push_back(entry->path());
  }
  files.push_back(folder_ / "store.json");
  for (const auto& file : files) std::filesystem::remove(file, error);
  std::filesystem::remove(folder_, error);  // where nothing of anybody else's is in it
  return {};
}

}  // namespace headwise
