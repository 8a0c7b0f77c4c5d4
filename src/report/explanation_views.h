// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: what the explanation's page can be shaded by, and the radio buttons that choose among
// it: every view's numbers stand beside each token, the style sheet takes those of the button that is on.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <vector>

#include "report/explanation_page.h"
#include "report/explanation_pieces.h"

namespace headwise {

struct Shade {
  Quantity quantity;
  const char* letter;  // in the style sheet's names
};
inline constexpr std::array<Shade, 2> kShades{{{Quantity::kWeight, "w"}, {Quantity::kAttention, "a"}}};

// What can be shaded by: the sum over heads, then single heads, the one that gives most first.
struct ExplanationViews {
  std::vector<size_t> heads;                    // heads[v - 1]: the head of view v
  std::vector<double> largest[kShades.size()];  // by shade, by view: the strongest
  std::vector<bool> negative[kShades.size()];   // likewise: some number is below zero
  int decimals = 3;
  size_t count() const { return heads.size() + 1; }
};

// The sum alone, or with per_head the heads that give most too; `pieces` are those of each passage.
ExplanationViews views_of(const ExplainedAnswer& answer, const std::vector<std::vector<Piece>>& pieces);
double view_value(const ExplainedPassage& passage, const ExplanationViews& views, size_t view,
                  const Piece& piece, Quantity quantity);

// The rules that make a view's numbers the shades while its button is on.
std::string views_style(const ExplanationViews& views);
// The buttons (before everything they govern), then the bar with their labels and the legend.
std::string view_controls(const ExplainedAnswer& answer, const ExplanationViews& views);

}  // namespace headwise
