// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "search/word_frequencies.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/file.h"
#include "base/utf8.h"
#include "search/bm25.h"
#include "search/terms.h"

namespace headwise {
namespace {

constexpr double kPassages = 1e7;

tl::unexpected<Error> bad_line(int64_t line, std::string_view found) {
  return fail(ErrorCode::kInvalidInput, "line " + std::to_string(line) +
                                            ": expected 'word <tab> number' with a number above 0, found '" +
                                            replace_invalid_utf8(found.substr(0, 60)) + "'");
}

}  // namespace

Result<WordFrequencies> WordFrequencies::parse(std::string_view text) {
  WordFrequencies frequencies;
  int64_t line_number = 0;
  while (!text.empty()) {
    ++line_number;
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) continue;
    const size_t tab = line.rfind('\t');
    if (tab == std::string_view::npos || first_invalid_utf8(line)) return bad_line(line_number, line);
    double count = 0.0;
    const char* last = line.data() + line.size();
    const auto [stopped, problem] = std::from_chars(line.data() + tab + 1, last, count);
    if (problem != std::errc() || stopped != last || !std::isfinite(count) || count <= 0.0) {
      return bad_line(line_number, line);
    }
    for (const std::string& term : search_terms(line.substr(0, tab))) {
      frequencies.counts_[term] += count;
      frequencies.total_ += count;
    }
  }
  if (frequencies.counts_.empty()) {
    return fail(ErrorCode::kInvalidInput,
                "no word in it; expected lines 'word <tab> number', see scripts/word_frequencies.py");
  }
  frequencies.rarest_ = frequencies.total_;
  for (const auto& [term, count] : frequencies.counts_) {
    frequencies.rarest_ = std::min(frequencies.rarest_, count);
  }
  return frequencies;
}

Result<WordFrequencies> WordFrequencies::read(const std::filesystem::path& file) {
  const auto text = read_text_file(file);
  if (!text) return fail(text.error());
  auto frequencies = parse(*text);
  if (!frequencies) return fail(Error(frequencies.error()).with_context("reading '" + file.string() + "'"));
  return frequencies;
}

double WordFrequencies::inverse_document_frequency(const std::string& term, double mean_length) const {
  const auto found = counts_.find(term);
  const double share = (found == counts_.end() ? rarest_ : found->second) / total_;
  // 1 - (1 - p)^L without losing small p.
  const double passages = kPassages * -std::expm1(mean_length * std::log1p(-std::min(share, 1.0 - 1e-9)));
  return headwise::inverse_document_frequency(kPassages, passages);
}

}  // namespace headwise
