// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the pieces of text that an explanation is shown in, and the numbers that shade them, for
// the terminal and the page alike.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "headwise/explanation.h"

namespace headwise {

// Tokens that can only be shown together, most often one: a character may be spread over several byte-level
// tokens, and a combining mark belongs to the letter before it.
struct Piece {
  size_t first = 0;  // tokens [first, last)
  size_t last = 0;
  std::string text;  // UTF-8; bytes of a character that was cut off are U+FFFD
};
std::vector<Piece> pieces_of(const ExplainedPassage& passage);
// A piece in a list: without the blank in front; blanks alone as ␣ and ⏎.
std::string piece_name(const Piece& piece);

// What is shaded: a number a token. The first view is the sum over heads.
enum class Quantity { kWeight, kAttention };
double token_value(const ExplainedPassage& passage, size_t token, Quantity quantity);
double token_value(const ExplainedPassage& passage, size_t head, size_t token, Quantity quantity);

// Sum of a piece's tokens in one view; `value(token)` gives one.
template <typename Value>
double piece_value(const Piece& piece, const Value& value) {
  double sum = 0.0;
  for (size_t token = piece.first; token < piece.last; ++token) sum += value(token);
  return sum;
}

// Strength of a shade, -1..1: the square root spreads what would be lost beside a single strong token.
double shade_of(double value, double largest);

// Places of the numbers that are not zero, largest size first.
std::vector<size_t> by_size(std::span<const double> values);
// Part of what all heads give, for or against: |share| / sum of |shares|.
double part_of_all(std::span<const double> shares, size_t head);
// Sum over the passages of the size of each head's share, as by_size orders it: which heads matter here.
std::vector<size_t> heads_by_size(const Explanation& explanation);

// "empty", "cut", "part 2 of 5", "part 2 of 5, cut"; nothing of a passage that was read as a whole.
std::string reading_words(const ExplainedPassage& passage);

}  // namespace headwise
