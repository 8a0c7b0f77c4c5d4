// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: one file of a folder of kept passages: records (record.h), each on a page of its own,
// one after the other. Written at its end only and never changed before it, so that it can be read in place
// while it grows; it goes as a whole.
//
// Thread rule: a SegmentFile may be read by any number of threads.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "headwise/error.h"
#include "passages/file_descriptor.h"
#include "passages/passage_index.h"
#include "passages/record.h"

namespace headwise {

// "00000012.kept"
std::string segment_name(uint32_t number);
// The other way; 0: no segment's name.
uint32_t segment_number(const std::string& name);

// Pages that a record takes.
uint32_t record_pages(size_t tokens, size_t image_bytes);

// Writes records one after the other from `page` on; the file is made where it is missing. What stands there
// was never committed. kResourceLimit when the disk is full.
Status write_records(const std::filesystem::path& path, uint32_t page, std::span<const KeptSlot> slots,
                     std::span<const KeptPtr> segments);

class SegmentFile : public std::enable_shared_from_this<SegmentFile> {
 public:
  // Mapped up to `reach` bytes at least, so that it can grow into the mapping.
  static Result<std::shared_ptr<SegmentFile>> open(const std::filesystem::path& path, uint64_t reach);
  ~SegmentFile();
  SegmentFile(const SegmentFile&) = delete;
  SegmentFile& operator=(const SegmentFile&) = delete;

  // The bytes of a place; empty when the file ends before it or it lies outside the mapping (open it again).
  std::span<const std::byte> bytes(const Place& place) const;
  // The record of a place whose header is right.
  Result<RecordView> record(const Place& place) const;
  // Its tokens and image are right; looked at once for each place.
  bool whole(const Place& place, const RecordView& record);
  // For whoever looked at it himself; gives `right` back.
  bool judge(const Place& place, bool right);
  // What whole() said before.
  bool known_whole(const Place& place) const { return marked(whole_, place); }
  bool known_damaged(const Place& place) const { return marked(damaged_, place); }
  // Most of it is in the page cache. (Where the system does not tell, it says so of everything.)
  bool resident(const Place& place) const;
  // Of a place that was not resident: it was not before either, and this was asked then.
  bool asked_before(const Place& place);
  uint64_t reach() const { return mapped_; }
  uint64_t size() const { return size_; }
  const std::filesystem::path& path() const { return path_; }

  // The file, opened to be read piece by piece: past the page cache where that is wanted and can be done.
  class Descriptors {
   public:
    Descriptors(const std::filesystem::path& path, bool past_cache);
    bool open() const { return plain_.get() >= 0; }
    // `at`, the length and the address of `to` are multiples of a page. False when it did not come as a
    // whole.
    bool read(uint64_t at, std::span<std::byte> to) const;

   private:
    FileDescriptor plain_;
    FileDescriptor direct_;  // none: through the cache
  };

 private:
  SegmentFile() = default;
  // A bit a page: of the record that begins there.
  using Marks = std::vector<std::atomic<uint64_t>>;
  static bool marked(const Marks& marks, const Place& place);
  static bool mark(Marks& marks, const Place& place);  // whether it was

  std::filesystem::path path_;
  const std::byte* data_ = nullptr;
  uint64_t mapped_ = 0;
  mutable std::atomic<uint64_t> size_ = 0;  // of the file, when it was last looked at
  Marks whole_;
  Marks damaged_;
  Marks asked_;
};

// Records of a file in order of their place, for whoever has no index; what is none is stepped over by pages.
// `visit` says whether to go on.
void each_record(const SegmentFile& file, uint32_t number, uint32_t pages,
                 const std::function<bool(const Place&, const RecordView&)>& visit);

}  // namespace headwise
