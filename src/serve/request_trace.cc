// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "serve/request_trace.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <random>
#include <string_view>

#include "serve/json.h"

namespace headwise::serve {
namespace {

// 2026-11-24T17:38:38.123Z
std::string time_text() {
  const auto now = std::chrono::system_clock::now();
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  const auto milliseconds =
      std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count() % 1000;
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  std::array<char, 64> text{};
  const size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  std::snprintf(text.data() + size, text.size() - size, ".%03dZ", static_cast<int>(milliseconds));
  return text.data();
}

}  // namespace

std::string request_id(const HttpRequest& head) {
  const std::string_view given = head.header("x-request-id");
  const auto harmless = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  };
  if (!given.empty() && given.size() <= 64 && std::all_of(given.begin(), given.end(), harmless)) {
    return std::string(given);
  }
  static std::atomic<uint64_t> next{(uint64_t{std::random_device{}()} << 32) | std::random_device{}()};
  // splitmix64 (Steele et al. 2014): consecutive numbers become ids that look nothing like each other.
  uint64_t z = next += 0x9E3779B97F4A7C15ULL;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  z ^= z >> 31;
  std::array<char, 24> text{};
  std::snprintf(text.data(), text.size(), "%016llx", static_cast<unsigned long long>(z));
  return text.data();
}

std::string log_line(const RequestTrace& trace, const HttpRequest& request, int status, double seconds) {
  Json line;
  line["time"] = time_text();
  line["id"] = trace.id;
  line["remote"] = request.remote;
  line["method"] = request.method;
  line["path"] = request.path;
  line["status"] = status;
  line["seconds"] = std::round(seconds * 1e6) / 1e6;
  if (trace.dialect != nullptr) line["dialect"] = trace.dialect;
  if (trace.documents > 0) line["documents"] = trace.documents;
  if (trace.queue_seconds >= 0.0) line["queue_seconds"] = std::round(trace.queue_seconds * 1e6) / 1e6;
  if (trace.tokens > 0) line["tokens"] = trace.tokens;
  if (trace.tokens > 0) line["tokens_run"] = trace.tokens_run;
  if (!trace.error.empty()) line["error"] = trace.error;
  return json_text(line);
}

}  // namespace headwise::serve
