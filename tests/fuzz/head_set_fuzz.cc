// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Any bytes as a head-set file: an error, or a set that is written and read back the same.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "headwise/head_set.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto set = headwise::parse_head_set({reinterpret_cast<const char*>(data), size});
  if (!set) return 0;
  if (!set->weights.empty() && set->weights.size() != set->heads.size()) std::abort();
  const auto again =
      headwise::parse_head_set(headwise::format_head_set(*set, headwise::HeadSetFormat::kHeadwise));
  if (!again || again->heads != set->heads) std::abort();
  return 0;
}
