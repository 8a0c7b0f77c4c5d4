// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: how common words are in a language at large, for collections that cannot tell: in a
// small one, or one that was gathered around its questions, the words of the questions look common. BM25's
// n_t is then what it would be in ten million passages as long as the collection's:
//
//   n_t = N (1 - (1 - p_t)^L),   p_t the term's share of running words (stop words apart), L the mean length
//
// Our own addition; words are taken to fall independently. Thread rule: immutable.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <unordered_map>

#include "headwise/error.h"

namespace headwise {

class WordFrequencies {
 public:
  // Lines "word <tab> number", numbers counts or shares, above 0; words go through search_terms(). kNotFound;
  // kInvalidInput names the line.
  static Result<WordFrequencies> read(const std::filesystem::path& file);
  static Result<WordFrequencies> parse(std::string_view text);

  // ln(1 + (N - n_t + 0.5) / (n_t + 0.5)); a term that the file has not counts as its rarest word.
  double inverse_document_frequency(const std::string& term, double mean_length) const;

 private:
  std::unordered_map<std::string, double> counts_;  // by term
  double total_ = 0.0;
  double rarest_ = 0.0;
};

}  // namespace headwise
