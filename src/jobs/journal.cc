// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "jobs/journal.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/file.h"
#include "base/fingerprint.h"

namespace headwise {
namespace {

constexpr std::chrono::seconds kSyncInterval{1};

tl::unexpected<Error> system_failure(const std::string& what, const std::filesystem::path& path, int number) {
  const bool full = number == ENOSPC || number == EFBIG || number == EDQUOT;
  std::string text = "cannot " + what + " '" + path.string() + "': " + std::strerror(number);
  if (full) text += "; what is finished is kept: make room and start the same command again";
  return fail(full ? ErrorCode::kResourceLimit : ErrorCode::kIo, std::move(text));
}

std::string checksum(int64_t number, std::string_view text) {
  Fingerprint sum;
  sum.add(std::to_string(number));
  sum.add(text);
  return sum.hex();
}

// "options.encoding was "list", now "blocks"" for every leaf that differs.
void list_differences(const Json& old_value, const Json& new_value, const std::string& name,
                      std::vector<std::string>& out) {
  if (old_value.is_object() && new_value.is_object()) {
    const auto child = [&name](const std::string& key) { return name.empty() ? key : name + "." + key; };
    for (const auto& [key, value] : new_value.items()) {
      list_differences(old_value.value(key, Json()), value, child(key), out);
    }
    for (const auto& [key, value] : old_value.items()) {
      if (!new_value.contains(key)) list_differences(value, Json(), child(key), out);
    }
  } else if (old_value != new_value) {
    constexpr auto kReplace = Json::error_handler_t::replace;
    out.push_back(name + " was " + old_value.dump(-1, ' ', false, kReplace) + ", now " +
                  new_value.dump(-1, ' ', false, kReplace));
  }
}

}  // namespace

Result<Journal> Journal::open(const std::filesystem::path& path, const Json& header, bool restart) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) return system_failure("create", path, errno);
  Journal journal(path, fd);
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    return fail(ErrorCode::kUsage, "another headwise is writing '" + path.string() +
                                       "'; wait for it, or give this one another --output");
  }
  bool begun = false;
  if (!restart) {
    auto recovered = journal.recover(header);
    if (!recovered) return fail(std::move(recovered.error()));
    begun = *recovered;
  }
  if (::ftruncate(fd, journal.good_bytes_) != 0) return system_failure("shorten", path, errno);
  if (::lseek(fd, 0, SEEK_END) < 0) return system_failure("position", path, errno);
  if (!begun) HW_RETURN_IF_ERROR(journal.write_line(header));
  return journal;
}

Journal::Journal(Journal&& other) noexcept
    : path_(std::move(other.path_)),
      fd_(std::exchange(other.fd_, -1)),
      good_bytes_(other.good_bytes_),
      finished_(std::move(other.finished_)),
      synced_(other.synced_) {}

Journal::~Journal() {
  if (fd_ >= 0) ::close(fd_);
}

Result<bool> Journal::recover(const Json& header) {
  auto content = read_text_file(path_);
  if (!content) return fail(std::move(content.error()));
  std::string_view rest = *content;
  const auto next_line = [&rest]() -> Json {
    const size_t end = rest.find('\n');
    if (end == std::string_view::npos) return Json(Json::value_t::discarded);
    Json line = Json::parse(rest.substr(0, end), nullptr, false);
    rest.remove_prefix(end + 1);
    return line;
  };
  const Json found = next_line();
  // A kill before the first line was whole leaves nothing, or the beginning of such a line.
  constexpr std::string_view kBeginning = "{\"headwise_partial\":";
  const bool no_line = content->find('\n') == std::string::npos;
  if (no_line && (kBeginning.starts_with(*content) || content->starts_with(kBeginning))) return false;
  if (!found.is_object() || !found.contains("headwise_partial")) {
    return fail(ErrorCode::kUsage, "'" + path_.string() +
                                       "' is not a partial result of headwise; move it away, give another "
                                       "--output, or use --restart to write over it");
  }
  std::vector<std::string> differences;
  list_differences(found, header, "", differences);
  if (!differences.empty()) {
    std::string text = "'" + path_.string() + "' was begun with other settings: ";
    for (size_t i = 0; i < differences.size(); ++i) text += (i > 0 ? "; " : "") + differences[i];
    return fail(ErrorCode::kUsage,
                text + ". Use the same settings, another --output, or --restart to begin afresh");
  }
  good_bytes_ = static_cast<int64_t>(content->size() - rest.size());
  for (;;) {
    const Json record = next_line();
    if (!record.is_object() || !record.contains("n") || !record["n"].is_number_integer() ||
        !record.contains("text") || !record["text"].is_string()) {
      break;
    }
    const auto number = record["n"].get<int64_t>();
    auto text = record["text"].get<std::string>();
    if (record.value("sum", Json()) != checksum(number, text)) break;
    finished_[number] = std::move(text);
    good_bytes_ = static_cast<int64_t>(content->size() - rest.size());
  }
  return true;
}

Status Journal::write_line(const Json& record) {
  const std::string line = record.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  std::string_view rest = line;
  while (!rest.empty()) {
    const ssize_t written = ::write(fd_, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      const int number = errno;
      // Back to the last whole line. Should this fail too, recover() drops the cut line next time.
      if (::ftruncate(fd_, good_bytes_) == 0) ::lseek(fd_, good_bytes_, SEEK_SET);
      return system_failure("write", path_, number);
    }
    rest.remove_prefix(static_cast<size_t>(written));
  }
  good_bytes_ += static_cast<int64_t>(line.size());
  const auto now = std::chrono::steady_clock::now();
  if (now - synced_ >= kSyncInterval) {
    if (::fdatasync(fd_) != 0 && errno != EINVAL && errno != EROFS)
      return system_failure("flush", path_, errno);
    synced_ = now;
  }
  return {};
}

Status Journal::append(int64_t number, std::string text) {
  Json record;
  record["n"] = number;
  record["sum"] = checksum(number, text);
  record["text"] = text;
  HW_RETURN_IF_ERROR(write_line(record));
  finished_[number] = std::move(text);
  return {};
}

void Journal::remove() { ::unlink(path_.c_str()); }

}  // namespace headwise
