// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: relevance judgements and their reader.
//
//   auto qrels = headwise::read_qrels("qrels/test.tsv");
//
// Thread rule: plain values and free functions without state.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "headwise/error.h"

namespace headwise {

struct Judgement {
  std::string id;  // of the document
  int grade = 0;   // 0 or less: judged, not relevant
};

struct JudgedQuery {
  std::string id;
  std::vector<Judgement> judgements;
};

struct Qrels {
  std::vector<JudgedQuery> queries;  // in file order
};

// Reads TREC qrels (query, iteration, document, grade), the same without the iteration, and BEIR's TSV with
// its header. "-" is standard input. kInvalidInput, naming file and line, for a malformed line, a grade that
// is not a whole number, two different grades for one document (the same grade twice is kept once), or a file
// without judgements.
Result<Qrels> read_qrels(const std::filesystem::path& path);
Result<Qrels> parse_qrels(std::string_view text, std::string_view source);

}  // namespace headwise
