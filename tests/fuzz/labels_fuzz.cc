// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Any bytes as a file of routing labels: an error, or labels whose members are places of the pool.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "route/labels.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto labels = headwise::parse_labels({reinterpret_cast<const char*>(data), size});
  if (!labels) return 0;
  for (const headwise::QueryLabel& label : labels->queries) {
    if (label.store >= labels->data.size()) std::abort();
    for (const int member : label.members) {
      if (member < 0 || static_cast<size_t>(member) >= labels->pool.size()) std::abort();
    }
  }
  return 0;
}
