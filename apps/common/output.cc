// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "common/output.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/check.h"
#include "base/file.h"

namespace headwise {

// write(2) and not std::cout: a stream's error flag has lost the reason by the time anybody asks.
Status write_stdout(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(STDOUT_FILENO, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      const bool full = errno == ENOSPC || errno == EFBIG || errno == EDQUOT;
      return fail(full ? ErrorCode::kResourceLimit : ErrorCode::kIo,
                  std::string("cannot write to standard output: ") + std::strerror(errno));
    }
    text.remove_prefix(static_cast<size_t>(written));
  }
  return {};
}

Status check_output_file(const std::filesystem::path& file, const std::string& flag) {
  std::error_code ignored;
  const std::filesystem::file_status status = std::filesystem::status(file, ignored);
  if (!std::filesystem::exists(status) || std::filesystem::is_regular_file(status)) return {};
  return fail(ErrorCode::kUsage,
              flag + " '" + file.string() + "' is " +
                  (std::filesystem::is_directory(status) ? "a folder" : "not a regular file") +
                  "; name a file, or leave " + flag + " out to write to standard output");
}

Status write_result(const std::filesystem::path& file, std::string_view text) {
  if (file.empty() || file == "-") return write_stdout(text);
  HW_RETURN_IF_ERROR(check_output_file(file));
  return write_file_atomically(file, text);
}

std::string json_text(const Json& value, int indent) {
  return value.dump(indent, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace headwise
