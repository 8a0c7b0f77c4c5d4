// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "heads/head_overlap.h"

#include <algorithm>
#include <map>

namespace headwise {
namespace {

std::string described(const NamedHeadSet& item) {
  if (!item.set.target) return "'" + item.name + "' is for " + item.set.model;
  const HeadSetTarget& target = *item.set.target;
  return "'" + item.name + "' is for " + target.name + " (" + std::to_string(target.layers) + " layers x " +
         std::to_string(target.heads) + " heads)";
}

bool apart(const HeadSet& a, const HeadSet& b) {
  if (!a.model.empty() && !b.model.empty() && a.model != b.model) return true;
  return a.target && b.target && (a.target->layers != b.target->layers || a.target->heads != b.target->heads);
}

}  // namespace

double jaccard(size_t shared, size_t a, size_t b) {
  const size_t either = a + b - shared;
  return either == 0 ? 0.0 : static_cast<double>(shared) / static_cast<double>(either);
}

HeadOverlap head_overlap(std::span<const NamedHeadSet> sets) {
  HeadOverlap overlap;
  overlap.sets = sets.size();
  std::map<HeadId, std::vector<size_t>> by_head;
  for (size_t i = 0; i < sets.size(); ++i) {
    for (const HeadId id : sets[i].set.heads) {
      std::vector<size_t>& holders = by_head[id];
      if (holders.empty() || holders.back() != i) holders.push_back(i);
    }
  }
  overlap.shared.assign(sets.size() * sets.size(), 0);
  for (const auto& [head, holders] : by_head) {
    for (const size_t a : holders) {
      for (const size_t b : holders) ++overlap.shared[a * sets.size() + b];
    }
    if (holders.size() > 1) overlap.heads.push_back({head, holders});
  }
  std::stable_sort(overlap.heads.begin(), overlap.heads.end(),
                   [](const auto& a, const auto& b) { return a.sets.size() > b.sets.size(); });
  for (size_t a = 0; a < sets.size(); ++a) {
    for (size_t b = 0; b < sets.size(); ++b) {
      const auto heads = [&](size_t one, size_t other) {
        return static_cast<size_t>(overlap.shared_of(one, other));
      };
      overlap.jaccard.push_back(jaccard(heads(a, b), heads(a, a), heads(b, b)));
    }
  }
  return overlap;
}

Status check_same_model(std::span<const NamedHeadSet> sets) {
  for (size_t a = 0; a < sets.size(); ++a) {
    for (size_t b = a + 1; b < sets.size(); ++b) {
      if (!apart(sets[a].set, sets[b].set)) continue;
      return fail(ErrorCode::kInvalidInput, "head sets of different models have nothing to compare: " +
                                                described(sets[a]) + ", " + described(sets[b]));
    }
  }
  return {};
}

}  // namespace headwise
