// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "search/bm25.h"

#include <cmath>

namespace headwise {

Bm25::Bm25(double k1, double b) : k1_(k1), b_(b) {
  for (const stat_flags needed :
       {COLLECTION_SIZE, TERMFREQ, AVERAGE_LENGTH, DOC_LENGTH, DOC_LENGTH_MIN, WDF, WDF_MAX, WQF}) {
    need_stat(needed);
  }
}

double inverse_document_frequency(double documents, double with_term) {
  return std::log(1.0 + (documents - with_term + 0.5) / (with_term + 0.5));
}

void Bm25::init(double factor) {
  scale_ = 0.0;
  if (factor == 0.0) return;  // for the part of a score that belongs to no term: there is none
  scale_ = factor * get_wqf() * inverse_document_frequency(get_collection_size(), get_termfreq());
}

double Bm25::part(double count, double length) const {
  if (count <= 0.0) return 0.0;
  const double average = get_average_length();
  const double relative = average > 0.0 ? length / average : 1.0;
  return scale_ * count / (count + k1_ * (1.0 - b_ + b_ * relative));
}

double Bm25::get_sumpart(Xapian::termcount count, Xapian::termcount length, Xapian::termcount) const {
  return part(count, length);
}

double Bm25::get_maxpart() const { return part(get_wdf_upper_bound(), get_doclength_lower_bound()); }

}  // namespace headwise
