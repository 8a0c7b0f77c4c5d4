// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// One table: error code -> name, exit status.
#include "headwise/error.h"

#include <array>

namespace headwise {
namespace {

struct CodeRow {
  ErrorCode code;
  std::string_view name;
  int exit_status;
};

constexpr std::array<CodeRow, 9> kCodes{{
    {ErrorCode::kUsage, "bad usage", 2},
    {ErrorCode::kInvalidInput, "invalid input", 3},
    {ErrorCode::kNotFound, "not found", 3},
    {ErrorCode::kUnsupported, "not supported", 4},
    {ErrorCode::kResourceLimit, "resource limit", 5},
    {ErrorCode::kIo, "input/output", 3},
    {ErrorCode::kCancelled, "cancelled", 1},
    {ErrorCode::kDeviceLost, "device lost", 1},
    {ErrorCode::kInternal, "internal error", 1},
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
