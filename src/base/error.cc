// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// One table: error code -> name, exit status, HTTP status.
#include "headwise/error.h"

#include <array>

namespace headwise {
namespace {

struct CodeRow {
  ErrorCode code;
  std::string_view name;
  int exit_status;
  int http_status;
};

constexpr std::array<CodeRow, 8> kCodes{{
    {ErrorCode::kUsage, "bad usage", 2, 400},
    {ErrorCode::kInvalidInput, "invalid input", 3, 400},
    {ErrorCode::kNotFound, "not found", 3, 404},
    {ErrorCode::kUnsupported, "not supported", 4, 400},
    {ErrorCode::kResourceLimit, "resource limit", 5, 413},
    {ErrorCode::kIo, "input/output", 3, 500},
    {ErrorCode::kCancelled, "cancelled", 1, 503},
    {ErrorCode::kInternal, "internal error", 1, 500},
}};

const CodeRow& row(ErrorCode code) {
  for (const CodeRow& entry : kCodes) {
    if (entry.code == code) return entry;
  }
  return kCodes.back();
}

}  // namespace

std::string_view error_code_name(ErrorCode code) { return row(code).name; }
int exit_status(ErrorCode code) { return row(code).exit_status; }
int http_status(ErrorCode code) { return row(code).http_status; }

std::string Error::to_string() const {
  std::string text = message_;
  if (context_.empty()) return text;
  text += " (";
  for (size_t i = 0; i < context_.size(); ++i) {
    if (i > 0) text += "; ";
    text += "while " + context_[i];
  }
  return text + ")";
}

}  // namespace headwise
