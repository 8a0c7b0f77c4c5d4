// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the record of a long run that may be killed at any moment: OUTPUT.partial, one line per
// finished query, and a first line that says what determines the result. Opened again with the same first
// line it gives back what is finished; with another one it says what differs. A line that was cut by a kill
// or a full disk is dropped together with all that follows it.
//
// Thread rule: one thread. The file is locked: a second process on the same output is refused.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "headwise/error.h"

namespace headwise {

using Json = nlohmann::ordered_json;

class Journal {
 public:
  // kUsage when the file was begun with another header (names each difference) unless `restart`, or when
  // another process writes it.
  static Result<Journal> open(const std::filesystem::path& path, const Json& header, bool restart);
  Journal(Journal&& other) noexcept;
  Journal& operator=(Journal&&) = delete;
  Journal(const Journal&) = delete;
  ~Journal();

  // Finished answers by their number.
  const std::map<int64_t, std::string>& finished() const { return finished_; }
  // Written through to the file before it returns; to the disk about once a second.
  Status append(int64_t number, std::string text);
  // Once the final file stands.
  void remove();
  const std::filesystem::path& path() const { return path_; }

 private:
  Journal(std::filesystem::path path, int fd) : path_(std::move(path)), fd_(fd) {}
  // Reads what is there and cuts the file after the last good line; false when not even a header is there.
  Result<bool> recover(const Json& header);
  Status write_line(const Json& record);

  std::filesystem::path path_;
  int fd_ = -1;
  int64_t good_bytes_ = 0;
  std::map<int64_t, std::string> finished_;
  std::chrono::steady_clock::time_point synced_ = std::chrono::steady_clock::now();
};

}  // namespace headwise
