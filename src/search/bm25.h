// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: BM25 as the field's toolkits compute it, for Xapian's matcher. Xapian's own BM25Weight
// bounds idf from below in another way and saturates repeated query terms. For sums over the terms t of a
// query, with tf the count of t in the document, dl its length and avgdl the mean one:
//
//   idf(t) tf / (tf + k1 (1 - b + b dl / avgdl)),   idf(t) = ln(1 + (N - n_t + 0.5) / (n_t + 0.5))
//
// Robertson and Zaragoza (2009), equation 3.15, with Lucene's idf, which is never negative; the factor k1 +
// 1, the same for every document, is left out as in Lucene 8.
#pragma once

#include <xapian.h>

#include <string>

namespace headwise {

// ln(1 + (N - n_t + 0.5) / (n_t + 0.5)) of a term that `with_term` of the documents have.
double inverse_document_frequency(double documents, double with_term);

class Bm25 final : public Xapian::Weight {
 public:
  Bm25(double k1, double b);
  std::string name() const override { return "headwise BM25"; }
  double get_sumpart(Xapian::termcount count, Xapian::termcount length,
                     Xapian::termcount different_terms) const override;
  double get_maxpart() const override;
  double get_sumextra(Xapian::termcount, Xapian::termcount) const override { return 0.0; }
  double get_maxextra() const override { return 0.0; }

 private:
  Bm25* clone() const override { return new Bm25(k1_, b_); }  // Xapian takes it and deletes it
  void init(double factor) override;
  double part(double count, double length) const;

  double k1_, b_;
  double scale_ = 0.0;
};

}  // namespace headwise
