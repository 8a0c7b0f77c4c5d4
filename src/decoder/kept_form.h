// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the form in which a segment's keys and values are kept, where it is not the one that a
// pass leaves them in: a narrower type, and in each layer a part of the tokens
// (docs/method.md#kept-passages).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "headwise/keep.h"

namespace headwise {

struct KeptForm {
  KeptType type = KeptType::kFloat32;
  // By layer, in {0} or [1/32, 1]; empty: all tokens in every layer. With 0 nothing is kept of the layer, and
  // rows do not see the segment there.
  std::vector<float> shares{};
  BudgetTokens tokens = BudgetTokens::kEvery;

  bool as_run() const { return type == KeptType::kFloat32 && shares.empty(); }
  friend bool operator==(const KeptForm&, const KeptForm&) = default;
};

}  // namespace headwise
