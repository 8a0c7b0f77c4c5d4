// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "common/program.h"

#include <csignal>
#include <exception>
#include <new>

#include "common/diagnostics.h"
#include "headwise/error.h"

namespace headwise {

int usage_error(std::string_view verb, const std::string& message, const std::string& advice) {
  const std::string command = verb.empty() ? "headwise --help" : "headwise " + std::string(verb) + " --help";
  return report_error(verb, Error(ErrorCode::kUsage, message), advice + "see '" + command + "'");
}

int report_parse_end(const CLI::App& root, std::string_view verb, const CLI::ParseError& end) {
  if (dynamic_cast<const CLI::Success*>(&end) != nullptr) return root.exit(end);
  if (dynamic_cast<const CLI::FileError*>(&end) != nullptr) {
    return report_error(verb, Error(ErrorCode::kNotFound, std::string("--config: ") + end.what()));
  }
  return usage_error(verb, end.what());
}

int run_program(std::string_view verb, std::string_view memory_hint, const std::function<int()>& run) {
  // A write past the file size limit becomes an error like a full disk, not a death.
  std::signal(SIGXFSZ, SIG_IGN);
  try {
    return run();
  } catch (const std::bad_alloc&) {
    return report_error(verb, Error(ErrorCode::kResourceLimit, "memory ran out"), memory_hint);
  } catch (const std::exception& error) {
    return report_error(verb, Error(ErrorCode::kInternal, std::string("internal error: ") + error.what()));
  }
}

}  // namespace headwise
