// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: a folder of kept passages, for many processes at once:
//
//   store.json     whose passages they are (store_manifest.h)
//   00000001.kept  segment files of up to 256 MiB: records, appended, read in place (segment_file.h)
//   index.mdb      from keys to places; made again from the segments where it is lost (passage_index.h)
//   lock           held while one process writes (store_lock.h)
//   users          held by all that have it open: who finds it free looks at every page of the index first
//
// A passage is written, then the index's transaction says so: what put() kept is there after SIGKILL at any
// moment, and a half-written tail is written over. Nothing is flushed to disk: after a power cut, checksums
// tell what is missing; they are looked at when the bytes have come (KeptSegment::intact()). With a bound in
// bytes the oldest segment goes as a whole; who still reads it keeps it.
//
// Thread rule: any number of callers at once.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "headwise/error.h"
#include "headwise/progress.h"
#include "passages/file_descriptor.h"
#include "passages/kept_context.h"
#include "passages/passage_index.h"
#include "passages/passage_tier.h"
#include "passages/record_reader.h"
#include "passages/segment_file.h"
#include "passages/store_lock.h"

namespace headwise {

struct StoreOptions {
  uint64_t bytes = 0;          // bound of all segments; 0: none
  uint64_t segment_bytes = 0;  // a file is closed at this length; 0: 256 MiB, an eighth of the bound at most
  SegmentReader reader = &read_kept_segment;
};

struct StoreInfo {
  nlohmann::ordered_json manifest;
  uint64_t passages = 0;
  uint64_t bytes = 0;       // of segments
  uint64_t dead_bytes = 0;  // of them: compact() gives these back
  uint64_t index_bytes = 0;
  uint64_t segments = 0;
  std::string read_only;  // why it cannot be written; empty: it can
};

struct StoreDamage {
  std::string segment;  // the file's name
  uint64_t offset = 0;
  std::string what;
};
struct StoreCheck {
  uint64_t passages = 0;  // that are right
  std::vector<StoreDamage> damage;
};

// The records of a folder's segments, into an index that has none.
Status fill_index(PassageIndex& index, const std::filesystem::path& folder, bool check_all);

class PassageStore final : public PassageTier {
 public:
  // Makes the folder where there is none. One object for all of a process that open the same folder, with the
  // larger bound. kInvalidInput names what differs from the context that the store was made with.
  static Result<std::shared_ptr<PassageStore>> open(const std::filesystem::path& folder,
                                                    const KeptContext& context, const StoreOptions& options);
  // Whoever's it is, for info(), verify(), compact(), rebuild() and drop(). kNotFound.
  static Result<std::shared_ptr<PassageStore>> open(const std::filesystem::path& folder,
                                                    const StoreOptions& options = {});
  ~PassageStore() override;

  std::vector<KeptPtr> get(std::span<const KeptSlot> slots) override;
  void put(std::span<const KeptSlot> slots, std::span<const KeptPtr> segments) override;
  std::vector<bool> exists(std::span<const KeptSlot> slots) override;
  TierStatistics statistics() const override;

  Result<StoreInfo> info() const;
  // Looks at every byte of every passage; changes nothing. `progress` may be null.
  Result<StoreCheck> verify(ProgressSink* progress) const;
  // Writes what lives in segments with dead records to the end and drops them, segment by segment; others may
  // read and write meanwhile. Returns the bytes that were given back.
  Result<uint64_t> compact(ProgressSink* progress);
  // Makes the index again; every byte is looked at, and what is damaged is left out.
  Status rebuild();
  // All of it, the manifest last. Whoever has the store open finds it empty.
  Status drop();

 private:
  struct Held {
    std::unique_lock<std::mutex> thread;
    StoreLock process;
  };
  struct Item {
    KeptSlot slot;
    KeptPtr segment;
    uint32_t pages = 0;
  };
  struct Rotten {
    PassageKey key;
    Place place;
  };

  PassageStore(std::filesystem::path folder, const StoreOptions& options);
  static Result<std::shared_ptr<PassageStore>> open_once(const std::filesystem::path& folder,
                                                         const KeptContext* context,
                                                         const StoreOptions& options);
  void set_bound(const StoreOptions& options);
  void raise_bound(const StoreOptions& options);

  // Of opening; the folder is held.
  Status open_lock();
  Status settle_manifest(const KeptContext* context);
  Status check_owner(const KeptContext& context) const;
  PassageIndex::Check enter();
  Status open_index(PassageIndex::Check check);
  void remove_leftovers();

  // To write: refused where the folder cannot be written or was dropped; the index is the present one after.
  Result<Held> hold(std::chrono::milliseconds patience);
  std::shared_ptr<PassageIndex> index() const;
  // The same, after a look whether another process made it again.
  Result<std::shared_ptr<PassageIndex>> current_index();
  Result<PassageIndex::Places> find(std::span<const KeptSlot> slots);
  Status make_index(bool check_all);
  Status reopen_index();

  std::filesystem::path segment_path(uint32_t number) const { return folder_ / segment_name(number); }
  // Null: it is not there.
  std::shared_ptr<SegmentFile> segment(const Place& place);
  void forget_segment(uint32_t number);
  // `arriving` is null where the record is read in the mapping.
  KeptPtr read(const KeptSlot& slot, const Place& place, const std::shared_ptr<ArrivingRecord>& arriving,
               std::vector<Rotten>& rotten);
  void erase(const std::vector<Rotten>& rotten);

  // Held.
  Status append(std::vector<Item> items);
  Result<size_t> append_run(std::span<const Item> items);
  Status make_room(uint64_t pages);
  Status drop_segment(const SegmentRow& row);
  Result<uint64_t> compact_segment(const SegmentRow& row);
  Result<SegmentRow> copy_live(const SegmentRow& row);

  void note_error(const std::string& what);

  const std::filesystem::path folder_;
  const pid_t process_;
  bool registered_ = false;  // among the stores that this process has open
  SegmentReader reader_;
  std::atomic<uint64_t> bound_pages_;  // 0: none
  std::atomic<uint64_t> segment_pages_;
  nlohmann::ordered_json manifest_;
  FileDescriptor lock_file_;
  FileDescriptor users_file_;
  std::string read_only_;  // why; empty: may write
  mutable std::mutex write_mutex_;

  mutable std::mutex mutex_;  // of what follows
  std::shared_ptr<PassageIndex> index_;
  std::map<uint32_t, std::shared_ptr<SegmentFile>> segments_;
  TierStatistics statistics_;

  RecordReader records_;
};

}  // namespace headwise
