// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: what a request was about, kept until its answer is on its way: for the log and the
// metrics.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "serve/transport.h"

namespace headwise::serve {

struct RequestTrace {
  std::string id;
  std::chrono::steady_clock::time_point start = std::chrono::steady_clock::now();
  const char* dialect = nullptr;
  size_t documents = 0;
  std::string error;
  double queue_seconds = -1.0;
  int64_t tokens = 0;
  int64_t tokens_run = 0;
};

// A client's own id where it is harmless, a new one otherwise.
std::string request_id(const HttpRequest& head);
// One JSON line.
std::string log_line(const RequestTrace& trace, const HttpRequest& request, int status, double seconds);

}  // namespace headwise::serve
