// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the index of a folder of kept passages: from keys to places in segment files, and how
// far each segment file is written. An LMDB file: a transaction happens as a whole or not at all, whenever
// its process ends, and readers go on while one writes. It is not flushed: what is committed outlives the
// process (it is in the page cache), not a power cut, after which check() finds the damage and the store
// rebuilds.
//
// Thread rule: any number of threads may look up; one at a time in all processes may write (the store's
// lock).
#pragma once

#include <lmdb.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "headwise/error.h"
#include "passages/passage_tier.h"

namespace headwise {

inline constexpr uint64_t kPlacePage = 4096;  // places are counted in these

struct Place {
  uint32_t segment = 0;
  uint32_t page = 0;
  uint32_t pages = 0;
  friend bool operator==(const Place&, const Place&) = default;
};

struct SegmentRow {
  uint32_t number = 0;
  uint32_t pages = 0;       // written and committed
  uint32_t live_pages = 0;  // that entries point to
  uint32_t passages = 0;    // likewise
};

class PassageIndex {
 public:
  enum class Access {
    kWrite,
    kRead,  // a folder that this process may not write
  };
  enum class Check {
    kAll,    // every page is looked at first (index_check.h)
    kState,  // another process has done so, and has it open
  };
  // Nobody may write meanwhile. kNotFound, kInvalidInput: rebuild.
  static Result<std::shared_ptr<PassageIndex>> open(const std::filesystem::path& path, Access access,
                                                    Check check);
  // A new one in place of what was there.
  static Result<std::shared_ptr<PassageIndex>> create(const std::filesystem::path& path);
  ~PassageIndex();
  PassageIndex(const PassageIndex&) = delete;
  PassageIndex& operator=(const PassageIndex&) = delete;

  // The file that `path` names is the one that is open.
  bool current() const;

  using Places = std::vector<std::optional<Place>>;
  Result<Places> find(std::span<const KeptSlot> slots) const;
  Result<std::vector<SegmentRow>> segments() const;  // by number
  // The highest number that a segment ever had.
  Result<uint32_t> last_segment() const;
  // Every entry, in the order of keys, until `visit` says false.
  Status each(const std::function<bool(const PassageKey&, const Place&)>& visit) const;
  // Numbers of slots of readers that ended without a word are free again.
  void clear_readers();

  // One transaction; what is not committed did not happen.
  class Writer {
   public:
    static Result<Writer> begin(PassageIndex& index);
    Writer(Writer&& other) noexcept
        : index_(other.index_), transaction_(std::exchange(other.transaction_, nullptr)) {}
    Writer& operator=(Writer&&) = delete;
    ~Writer();

    Result<std::optional<Place>> find(const PassageKey& key) const;
    Result<std::vector<SegmentRow>> segments() const;
    // A number that no segment had so far.
    Result<uint32_t> next_segment();
    // Of a rebuild: numbers begin after this one.
    Status reserve_segments(uint32_t last);
    Status put(const PassageKey& key, const Place& place);
    Status erase(const PassageKey& key);
    Status set(const SegmentRow& row);
    Status erase_segment(uint32_t number);
    Status commit();

   private:
    Writer(PassageIndex& index, MDB_txn* transaction) : index_(&index), transaction_(transaction) {}
    PassageIndex* index_;
    MDB_txn* transaction_;
  };

 private:
  PassageIndex() = default;
  static Result<std::shared_ptr<PassageIndex>> open_file(const std::filesystem::path& path, Access access);
  Status check_state() const;

  std::filesystem::path path_;
  MDB_env* environment_ = nullptr;
  MDB_dbi entries_ = 0;
};

}  // namespace headwise
