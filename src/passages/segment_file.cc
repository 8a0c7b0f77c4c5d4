// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "passages/segment_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>

#include "base/check.h"
#include "passages/file_descriptor.h"

namespace headwise {
namespace {

constexpr char kEnding[] = ".kept";

uint64_t pages_of(uint64_t bytes) { return (bytes + kPlacePage - 1) / kPlacePage; }

// All of the pieces at `offset`; they are changed.
int write_pieces(int file, std::span<iovec> pieces, off_t offset) {
  while (!pieces.empty()) {
    const ssize_t written = ::pwritev(file, pieces.data(), static_cast<int>(pieces.size()), offset);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    if (written == 0) return ENOSPC;
    offset += written;
    auto left = static_cast<size_t>(written);
    while (!pieces.empty() && left >= pieces.front().iov_len) {
      left -= pieces.front().iov_len;
      pieces = pieces.subspan(1);
    }
    if (pieces.empty()) break;
    pieces.front().iov_base = static_cast<char*>(pieces.front().iov_base) + left;
    pieces.front().iov_len -= left;
  }
  return 0;
}

}  // namespace

std::string segment_name(uint32_t number) {
  char text[16];
  std::snprintf(text, sizeof text, "%08u", number);
  return std::string(text) + kEnding;
}

uint32_t segment_number(const std::string& name) {
  uint32_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  return error == std::errc() && segment_name(number) == name ? number : 0;
}

uint32_t record_pages(size_t tokens, size_t image_bytes) {
  const size_t front = kRecordAlignment + (tokens * sizeof(int32_t) + kRecordAlignment - 1) /
                                              kRecordAlignment * kRecordAlignment;
  return static_cast<uint32_t>(pages_of(front + image_bytes));
}

Status write_records(const std::filesystem::path& path, uint32_t page, std::span<const KeptSlot> slots,
                     std::span<const KeptPtr> segments) {
  const FileDescriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
  if (file.get() < 0) return system_failure("open", path, errno);
  static constexpr std::array<std::byte, kPlacePage> kZeros{};
  for (size_t i = 0; i < slots.size(); ++i) {
    const auto image = segments[i]->image();
    std::vector<std::byte> front = record_front(slots[i], image);
    const uint32_t pages = record_pages(slots[i].tokens.size(), image.size());
    std::array<iovec, 3> pieces = {
        {{front.data(), front.size()},
         {const_cast<std::byte*>(image.data()), image.size()},
         {const_cast<std::byte*>(kZeros.data()), pages * kPlacePage - front.size() - image.size()}}};
    const int error = write_pieces(file.get(), pieces, static_cast<off_t>(page * kPlacePage));
    if (error != 0) return system_failure("write", path, error);
    page += pages;
  }
  return {};
}

Result<std::shared_ptr<SegmentFile>> SegmentFile::open(const std::filesystem::path& path, uint64_t reach) {
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return system_failure("open", path, errno);
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) return system_failure("examine", path, errno);
  if (!S_ISREG(info.st_mode))
    return fail(ErrorCode::kInvalidInput, "'" + path.string() + "' is no regular file");
  std::shared_ptr<SegmentFile> opened(new SegmentFile);
  opened->path_ = path;
  opened->size_ = static_cast<uint64_t>(info.st_size);
  const uint64_t pages = pages_of(std::max<uint64_t>({reach, opened->size_, 1}));
  void* address = ::mmap(nullptr, pages * kPlacePage, PROT_READ, MAP_SHARED, file.get(), 0);
  if (address == MAP_FAILED) return system_failure("map", path, errno);
  opened->data_ = static_cast<const std::byte*>(address);
  opened->mapped_ = pages * kPlacePage;
  opened->whole_ = Marks(pages / 64 + 1);
  opened->damaged_ = Marks(pages / 64 + 1);
  opened->asked_ = Marks(pages / 64 + 1);
  return opened;
}

SegmentFile::~SegmentFile() {
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), mapped_);
}

std::span<const std::byte> SegmentFile::bytes(const Place& place) const {
  const uint64_t begin = place.page * kPlacePage;
  const uint64_t end = begin + place.pages * kPlacePage;
  if (end > mapped_) return {};
  if (end > size_) {
    // It has grown; or it was cut, and touching what is missing would end the process.
    struct stat info {};
    if (::stat(path_.c_str(), &info) != 0) return {};
    size_ = std::max<uint64_t>(size_, static_cast<uint64_t>(info.st_size));
    if (end > size_) return {};
  }
  return {data_ + begin, end - begin};
}

Result<RecordView> SegmentFile::record(const Place& place) const {
  const auto found = bytes(place);
  if (found.empty()) return fail(ErrorCode::kInvalidInput, "the file ends before it");
  return read_record(found);
}

bool SegmentFile::marked(const Marks& marks, const Place& place) {
  return (marks[place.page / 64].load(std::memory_order_acquire) >> (place.page % 64) & 1) != 0;
}

bool SegmentFile::mark(Marks& marks, const Place& place) {
  const uint64_t bit = uint64_t{1} << (place.page % 64);
  return (marks[place.page / 64].fetch_or(bit, std::memory_order_acq_rel) & bit) != 0;
}

bool SegmentFile::whole(const Place& place, const RecordView& record) {
  return known_whole(place) || judge(place, whole_record(record));
}

bool SegmentFile::judge(const Place& place, bool right) {
  mark(right ? whole_ : damaged_, place);
  return right;
}

bool SegmentFile::resident(const Place& place) const {
  const auto whole = bytes(place);
  std::vector<unsigned char> pages(place.pages);
  if (whole.empty() || ::mincore(const_cast<std::byte*>(whole.data()), whole.size(), pages.data()) != 0) {
    return true;
  }
  const auto there = std::ranges::count_if(pages, [](unsigned char page) { return (page & 1U) != 0; });
  return static_cast<uint64_t>(there) * 8 >= uint64_t{place.pages} * 7;
}

bool SegmentFile::asked_before(const Place& place) { return mark(asked_, place); }

SegmentFile::Descriptors::Descriptors(const std::filesystem::path& path, bool past_cache)
    : plain_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)),
      direct_(past_cache ? ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_DIRECT) : -1) {}

bool SegmentFile::Descriptors::read(uint64_t at, std::span<std::byte> to) const {
  bool direct = direct_.get() >= 0;
  while (!to.empty()) {
    const ssize_t count =
        ::pread(direct ? direct_.get() : plain_.get(), to.data(), to.size(), static_cast<off_t>(at));
    if (count < 0 && errno == EINTR) continue;
    // A file system that takes the flag and not the read; or less than a page came, and the rest begins at
    // none.
    if (direct && (count < 0 || count % kPlacePage != 0)) {
      direct = false;
      continue;
    }
    if (count <= 0) return false;
    at += static_cast<uint64_t>(count);
    to = to.subspan(static_cast<size_t>(count));
  }
  return true;
}

void each_record(const SegmentFile& file, uint32_t number, uint32_t pages,
                 const std::function<bool(const Place&, const RecordView&)>& visit) {
  pages = static_cast<uint32_t>(std::min<uint64_t>(pages, file.size() / kPlacePage));
  for (uint32_t page = 0; page < pages;) {
    const auto record = file.record({number, page, pages - page});
    if (!record) {
      ++page;
      continue;
    }
    const auto length = static_cast<uint32_t>(pages_of(record->bytes));
    if (!visit({number, page, length}, *record)) return;
    page += length;
  }
}

}  // namespace headwise
