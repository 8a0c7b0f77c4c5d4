// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: BM25 as the field's toolkits compute it. For sums over the terms t of a query, with tf
// the count of t in the document, dl its length and avgdl the mean one:
//
//   idf(t) tf / (tf + k1 (1 - b + b dl / avgdl)),   idf(t) = ln(1 + (N - n_t + 0.5) / (n_t + 0.5))
//
// Robertson and Zaragoza (2009), equation 3.15, with Lucene's idf, which is never negative; the factor k1 +
// 1, the same for every document, is left out as in Lucene 8.
#pragma once

#include <cmath>

namespace headwise {

inline constexpr double kBm25K1 = 0.9, kBm25B = 0.4;

// Of a term that `with_term` of the documents have.
inline double inverse_document_frequency(double documents, double with_term) {
  return std::log(1.0 + (documents - with_term + 0.5) / (with_term + 0.5));
}

// A term's part of a document's score. `weight` is its idf times how often the query has it.
inline double bm25_part(double weight, double count, double length, double mean_length) {
  return weight * count / (count + kBm25K1 * (1.0 - kBm25B + kBm25B * (length / mean_length)));
}

}  // namespace headwise
