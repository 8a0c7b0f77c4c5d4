// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "base/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <utility>

namespace headwise {
namespace {

ErrorCode code_of(int error_number) {
  switch (error_number) {
    case ENOENT:
    case ENOTDIR:
      return ErrorCode::kNotFound;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case ENOMEM:
    case EMFILE:
    case ENFILE:
      return ErrorCode::kResourceLimit;
    default:
      return ErrorCode::kIo;
  }
}

tl::unexpected<Error> system_failure(std::string_view what, const std::filesystem::path& path,
                                     int error_number) {
  return fail(code_of(error_number), std::string("cannot ") + std::string(what) + " '" + path.string() +
                                         "': " + std::strerror(error_number));
}

// Closes the descriptor on every way out.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

Status write_all(int fd, std::string_view content, const std::filesystem::path& path) {
  while (!content.empty()) {
    ssize_t written = ::write(fd, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return system_failure("write", path, errno);
    content.remove_prefix(static_cast<size_t>(written));
  }
  return {};
}

}  // namespace

Result<MappedFile> MappedFile::open(const std::filesystem::path& path) {
  Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0) return system_failure("open", path, errno);
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return system_failure("examine", path, errno);
  if (!S_ISREG(info.st_mode)) {
    return fail(ErrorCode::kInvalidInput, "'" + path.string() + "' is not a regular file");
  }
  MappedFile file;
  file.path_ = path;
  file.size_ = static_cast<size_t>(info.st_size);
  if (file.size_ == 0) return file;
  void* address = ::mmap(nullptr, file.size_, PROT_READ, MAP_PRIVATE, fd.get(), 0);
  if (address == MAP_FAILED) return system_failure("map", path, errno);
  file.data_ = static_cast<const std::byte*>(address);
  return file;
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      path_(std::move(other.path_)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(path_, other.path_);
  return *this;
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
}

void release_pages(const std::byte* data, size_t bytes) {
  // Whole pages inside the range only: its neighbours may still be in use.
  const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  const uintptr_t begin = (reinterpret_cast<uintptr_t>(data) + page - 1) / page * page;
  const uintptr_t end = (reinterpret_cast<uintptr_t>(data) + bytes) / page * page;
  if (begin < end) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

Result<std::string> read_file(const std::filesystem::path& path, size_t limit) {
  const bool standard_input = path == "-";
  Descriptor opened(standard_input ? -1 : ::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  const int fd = standard_input ? STDIN_FILENO : opened.get();
  if (fd < 0) return system_failure("open", path, errno);
  std::string text;
  std::string buffer(size_t{1} << 18, '\0');
  for (;;) {
    ssize_t got = ::read(fd, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_failure("read", path, errno);
    if (got == 0) return text;
    if (text.size() + static_cast<size_t>(got) > limit) {
      return fail(ErrorCode::kResourceLimit, "'" + path.string() + "' holds more than the " +
                                                 std::to_string(limit) + " bytes allowed here");
    }
    text.append(buffer.data(), static_cast<size_t>(got));
  }
}

Result<std::string> read_text_file(const std::filesystem::path& path, size_t limit) {
  Result<std::string> text = read_file(path, limit);
  if (!text) return text;
  Status plain = require_plain_text(*text, path.string());
  if (!plain) return fail(std::move(plain.error()));
  return text;
}

std::string last_name(const std::filesystem::path& path) {
  return (path.has_filename() ? path : path.parent_path()).filename().string();
}

Result<std::filesystem::path> through_links(const std::filesystem::path& path) {
  constexpr int kMostLinks = 40;  // as the kernel's
  std::filesystem::path at = path;
  for (int links = 0; links < kMostLinks; ++links) {
    std::error_code error;
    const std::filesystem::path target = std::filesystem::read_symlink(at, error);
    if (error) return at;  // no link, or nothing there
    at = target.is_absolute() ? target : at.parent_path() / target;
  }
  return system_failure("follow", path, ELOOP);
}

Status write_file_atomically(const std::filesystem::path& given, std::string_view content) {
  Result<std::filesystem::path> leads_to = through_links(given);
  if (!leads_to) return fail(std::move(leads_to.error()));
  const std::filesystem::path& path = *leads_to;
  // The rename would put a file in the place of a device or a folder.
  std::error_code ignored;
  if (std::filesystem::exists(path, ignored) && !std::filesystem::is_regular_file(path, ignored)) {
    return fail(ErrorCode::kIo, "cannot write '" + path.string() + "': it is there and no regular file");
  }
  std::filesystem::path temporary = path;
  temporary += ".tmp." + std::to_string(::getpid());
  Descriptor fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (fd.get() < 0) return system_failure("create", temporary, errno);
  Status written = write_all(fd.get(), content, path);
  // What nobody else may read stays so.
  struct stat before {};
  if (written && ::stat(path.c_str(), &before) == 0 && ::fchmod(fd.get(), before.st_mode & 07777) != 0) {
    written = system_failure("set the mode of", temporary, errno);
  }
  // fsync before rename: a power cut leaves the old file or the new one, never an empty one.
  if (written && ::fsync(fd.get()) != 0 && errno != EINVAL && errno != EROFS) {
    written = system_failure("flush", path, errno);
  }
  if (::close(fd.release()) != 0 && written) written = system_failure("close", path, errno);
  if (written && ::rename(temporary.c_str(), path.c_str()) != 0)
    written = system_failure("replace", path, errno);
  if (!written) ::unlink(temporary.c_str());
  return written;
}

}  // namespace headwise
