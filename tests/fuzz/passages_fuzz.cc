// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Any bytes as passages, as a candidate file and as one record of a corpus. Texts that are accepted are
// UTF-8, and every candidate has its text.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/utf8.h"
#include "formats/json_record.h"
#include "headwise/dataset.h"

namespace {

void require_utf8(const headwise::Documents& documents) {
  for (const headwise::Document& document : documents.items()) {
    if (headwise::first_invalid_utf8(document.text) || headwise::first_invalid_utf8(document.title))
      std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  auto passages = headwise::parse_passages(text, "fuzz");
  if (passages) require_utf8(*passages);
  auto candidates = headwise::parse_candidates(text, "fuzz");
  if (candidates) {
    if (candidates->documents.size() != candidates->run.queries.size()) std::abort();
    for (size_t i = 0; i < candidates->documents.size(); ++i) {
      require_utf8(candidates->documents[i]);
      for (const headwise::RunEntry& entry : candidates->run.queries[i].entries) {
        if (candidates->documents[i].find(entry.id) == nullptr) std::abort();
      }
    }
  }
  auto record = headwise::parse_json_record(text, std::nullopt);
  if (record && *record && (*record)->text && headwise::first_invalid_utf8(*(*record)->text)) std::abort();
  headwise::parse_json_record(text, headwise::IdSet{"a"});
  return 0;
}
