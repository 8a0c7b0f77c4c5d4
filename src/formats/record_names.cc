// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "formats/record_names.h"

#include <algorithm>
#include <array>

#include "base/ascii.h"

namespace headwise {
namespace {

// BEIR, ourselves, then what names a passage before what names the document that it is cut from (MS MARCO v2
// has both), TREC, and a mere count (ICR).
constexpr std::array<RecordName, 19> kNames{{
    {"_id", RecordMember::kId},
    {"id", RecordMember::kId},
    {"pid", RecordMember::kId},
    {"passage_id", RecordMember::kId},
    {"docid", RecordMember::kId},
    {"doc_id", RecordMember::kId},
    {"document_id", RecordMember::kId},
    {"docno", RecordMember::kId},
    {"idx", RecordMember::kId},
    {"title", RecordMember::kTitle},
    {"text", RecordMember::kText},            // BEIR
    {"contents", RecordMember::kText},        // Anserini
    {"content", RecordMember::kText},         // Haystack
    {"page_content", RecordMember::kText},    // LangChain
    {"paragraph_text", RecordMember::kText},  // ICR, QRHead
    {"passage", RecordMember::kText},         // MS MARCO v2
    {"segment", RecordMember::kText},         // MS MARCO v2.1
    {"body", RecordMember::kText},            // MS MARCO's documents
    {"score", RecordMember::kScore},
}};

}  // namespace

std::span<const RecordName> record_names() { return kNames; }

RecordKey record_key(std::string_view key) {
  for (size_t place = 0; place < kNames.size(); ++place) {
    if (!same_but_for_case(key, kNames[place].name)) continue;
    return {kNames[place].member, key == kNames[place].name ? place : kNames.size() + place};
  }
  return {};
}

std::string names_of(RecordMember member) {
  std::string names, others;
  for (const RecordName& row : kNames) {
    if (row.member != member) continue;
    if (names.empty()) {
      names = "'" + std::string(row.name) + "'";
    } else {
      others += (others.empty() ? " (or " : ", ") + std::string(row.name);
    }
  }
  return others.empty() ? names : names + others + ")";
}

}  // namespace headwise
