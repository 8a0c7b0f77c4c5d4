// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Any bytes as a run. One that is accepted must be sorted, and come back in the same order from every format
// that can hold its ids.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "headwise/run.h"

using namespace std::string_view_literals;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto run = headwise::parse_run({reinterpret_cast<const char*>(data), size}, "fuzz");
  if (!run) return 0;
  for (const headwise::RunQuery& query : run->queries) {
    if (query.id.empty() || query.entries.empty()) std::abort();
    for (auto format : {headwise::RunFormat::kTrec, headwise::RunFormat::kMsmarco}) {
      auto text = headwise::format_run_query(query, format, "fuzz");
      if (!text) continue;
      // A line that starts like JSON is taken for JSON: such ids exist in fuzzers only.
      if (query.id[0] == '{' || query.id[0] == '[' || query.id.starts_with("\xEF\xBB\xBF"sv)) continue;
      auto back = headwise::parse_run(*text, "back");
      if (!back || back->queries.size() != 1) std::abort();
      const auto& entries = back->queries[0].entries;
      if (entries.size() != query.entries.size()) std::abort();
      for (size_t i = 0; i < entries.size(); ++i) {
        if (entries[i].id != query.entries[i].id || entries[i].rank != static_cast<int>(i) + 1) std::abort();
      }
    }
  }
  return 0;
}
