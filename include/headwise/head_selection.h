// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: which attention heads are read, and how users write it.
#pragma once

#include <compare>
#include <string>
#include <string_view>
#include <vector>

#include "headwise/error.h"

namespace headwise {

// A query head, zero based; printed "layer-head", "13-18".
struct HeadId {
  int layer = 0;
  int head = 0;
  auto operator<=>(const HeadId&) const = default;
};

std::string to_string(HeadId id);

// All heads, every head of a layer window, or a list. Weights default to 1.
struct HeadSelection {
  enum class Kind { kAll, kLayers, kList };
  Kind kind = Kind::kAll;
  int first_layer = 0;  // kLayers, both ends included
  int last_layer = 0;
  std::vector<HeadId> list;     // kList
  std::vector<double> weights;  // kList: empty or one per head

  // The weights, or 1 for each of so many heads.
  std::vector<double> weights_of(size_t heads) const {
    return weights.empty() ? std::vector<double>(heads, 1.0) : weights;
  }

  // "all", "layers:8..11" (also "8..11") or "13-18,14-2". kUsage with an example otherwise.
  static Result<HeadSelection> parse(std::string_view text);
  // The heads for a model of that many layers and heads, in (layer, head) order for windows, as given for
  // lists. kUsage when one lies outside the model or is listed twice.
  Result<std::vector<HeadId>> resolve(int layers, int heads_per_layer) const;
  // What `parse` reads.
  std::string to_string() const;
};

}  // namespace headwise
