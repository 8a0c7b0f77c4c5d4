// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "report/explanation_pieces.h"

#include <algorithm>
#include <cmath>
#include <string_view>

#include "base/shown_text.h"
#include "base/utf8.h"

namespace headwise {
namespace {

constexpr std::string_view kJoiner = "\xE2\x80\x8D";  // U+200D: what stands on both sides is one picture

// Whether a piece may begin at this byte.
bool may_begin(std::string_view text, size_t at) {
  if (at >= text.size()) return false;  // a token without bytes
  if (continues_character(text[at])) return false;
  const auto next = decode_utf8(text.substr(at));
  if (next && display_columns(text.substr(at, next->bytes)) == 0) return false;
  return !text.substr(0, at).ends_with(kJoiner);
}

}  // namespace

std::vector<Piece> pieces_of(const ExplainedPassage& passage) {
  std::vector<Piece> pieces;
  for (size_t token = 0; token < passage.tokens.size(); ++token) {
    if (pieces.empty() || may_begin(passage.text, passage.tokens[token].begin)) {
      pieces.push_back({.first = token, .last = token, .text = {}});
    }
    pieces.back().last = token + 1;
  }
  for (Piece& piece : pieces) {
    const size_t begin = passage.tokens[piece.first].begin;
    piece.text = replace_invalid_utf8(passage.text.substr(begin, passage.tokens[piece.last - 1].end - begin));
  }
  return pieces;
}

std::string piece_name(const Piece& piece) {
  const size_t word = piece.text.find_first_not_of(" \t\r\n");
  if (word != std::string::npos) return without_controls(std::string_view(piece.text).substr(word));
  std::string name;
  for (char c : piece.text) name += c == '\n' ? "⏎" : "␣";
  return name.empty() ? "∅" : name;
}

double token_value(const ExplainedPassage& passage, size_t token, Quantity quantity) {
  const ExplainedToken& of = passage.tokens[token];
  return quantity == Quantity::kWeight ? of.weight : of.attention;
}

double token_value(const ExplainedPassage& passage, size_t head, size_t token, Quantity quantity) {
  const HeadTokenView& of = passage.heads[head][token];
  return quantity == Quantity::kWeight ? of.weight : of.attention;
}

double shade_of(double value, double largest) {
  if (!(largest > 0.0)) return 0.0;
  return std::copysign(std::sqrt(std::min(1.0, std::abs(value) / largest)), value);
}

std::vector<size_t> by_size(std::span<const double> values) {
  std::vector<size_t> order;
  for (size_t i = 0; i < values.size(); ++i) {
    if (values[i] != 0.0) order.push_back(i);
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return std::abs(values[a]) > std::abs(values[b]); });
  return order;
}

double part_of_all(std::span<const double> shares, size_t head) {
  double all = 0.0;
  for (double share : shares) all += std::abs(share);
  return all > 0.0 ? std::abs(shares[head]) / all : 0.0;
}

std::vector<size_t> heads_by_size(const Explanation& explanation) {
  std::vector<double> sizes(explanation.heads.size(), 0.0);
  for (const ExplainedPassage& passage : explanation.passages) {
    for (size_t h = 0; h < sizes.size(); ++h) sizes[h] += std::abs(passage.head_shares[h]);
  }
  return by_size(sizes);
}

std::string reading_words(const ExplainedPassage& passage) {
  if (passage.empty) return "empty";
  std::string words;
  if (passage.window) {
    words =
        "part " + std::to_string(passage.window->number + 1) + " of " + std::to_string(passage.window->count);
  }
  return passage.truncated ? words + (words.empty() ? "cut" : ", cut") : words;
}

}  // namespace headwise
