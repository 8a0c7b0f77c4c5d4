// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: a text as the terms that BM25 counts: words (UAX #29, "don't" and "U.S" are one each; by
// dictionary where a script has no spaces; two where a space is missing after a sentence) in small letters,
// without "'s" and English stop words, cut to their stems by Porter (1980): the steps of Lucene's
// EnglishAnalyzer. Documents and queries go the same way.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace headwise {

// In the text's order, as often as they stand there. Words of another language keep their form where Porter's
// rules find no English ending. Bytes that are no UTF-8 separate words.
std::vector<std::string> search_terms(std::string_view text);

}  // namespace headwise
