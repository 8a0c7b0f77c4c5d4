// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: which heads several sets of one model have in common.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "headwise/head_set.h"

namespace headwise {

struct NamedHeadSet {
  std::string name;  // as the user gave it
  HeadSet set;
};

struct HeadOverlap {
  struct Shared {
    HeadId head;
    std::vector<size_t> sets;  // two or more
  };
  size_t sets = 0;
  std::vector<int> shared;      // [sets * sets] heads in common; the diagonal is a set's size
  std::vector<double> jaccard;  // [sets * sets] heads in common / heads in either
  std::vector<Shared> heads;    // in the most sets first, then by layer and head
  int shared_of(size_t a, size_t b) const { return shared[a * sets + b]; }
  double jaccard_of(size_t a, size_t b) const { return jaccard[a * sets + b]; }
};

// Things in common / things in either of two sets; 0 for two empty ones.
double jaccard(size_t shared, size_t a, size_t b);

HeadOverlap head_overlap(std::span<const NamedHeadSet> sets);

// kInvalidInput, with both names, when two sets name models that cannot be the same: other fingerprints, or
// other shapes.
Status check_same_model(std::span<const NamedHeadSet> sets);

}  // namespace headwise
