// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The explanation in a terminal: the passages' text shaded by weight, or, without colours, its strongest
// tokens marked; under each what the tokens and the heads give.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <functional>

#include "base/digits.h"
#include "base/utf8.h"
#include "common/terminal.h"
#include "explain.h"
#include "report/explanation_pieces.h"

namespace headwise {
namespace {

constexpr size_t kTokensListed = 5;
constexpr size_t kHeadsListed = 5;  // under a passage
constexpr size_t kHeadsShown = 8;   // with --per-head
constexpr size_t kTableHeads = 16;  // in the table at the end
constexpr size_t kTablePassages = 6;
constexpr int kIndent = 6;

// Backgrounds of the 256-colour table, from those near the terminal's own to strong ones, with the ink that
// can be read upon each. Blue speaks for the passage, orange against it, as in the page.
struct Ramp {
  std::array<const char*, 5> for_it, against_it;
};
constexpr Ramp kOnLight{
    {"\x1b[30;48;5;195m", "\x1b[30;48;5;153m", "\x1b[30;48;5;117m", "\x1b[30;48;5;75m", "\x1b[30;48;5;33m"},
    {"\x1b[30;48;5;230m", "\x1b[30;48;5;223m", "\x1b[30;48;5;216m", "\x1b[30;48;5;209m",
     "\x1b[30;48;5;202m"}};
constexpr Ramp kOnDark{
    {"\x1b[97;48;5;17m", "\x1b[97;48;5;18m", "\x1b[97;48;5;25m", "\x1b[30;48;5;32m", "\x1b[30;48;5;39m"},
    {"\x1b[97;48;5;94m", "\x1b[97;48;5;130m", "\x1b[97;48;5;166m", "\x1b[30;48;5;172m", "\x1b[30;48;5;208m"}};
constexpr const char* kEnd = "\x1b[0m";

struct Paper {
  int columns = 100;
  bool colours = false;
  int decimals = 3;  // of weights
  std::string strong(const std::string& text) const { return colours ? "\x1b[1m" + text + kEnd : text; }
  std::string faint(const std::string& text) const { return colours ? "\x1b[2m" + text + kEnd : text; }
};

std::string with_sign(double value, int decimals) {
  const std::string text = fixed_digits(value, decimals);
  return text.starts_with('-') ? text : "+" + text;
}

std::string percent(double part) { return fixed_digits(100.0 * part, 0) + " %"; }

// Nothing, or the escape sequence of a shade.
const char* shade_code(double shade) {
  static const Ramp& ramp = light_background() ? kOnLight : kOnDark;
  const size_t levels = ramp.for_it.size();
  // What is less than a thirtieth of the strongest stays bare: a text that is all shade says nothing.
  constexpr double kSteps = 5.5;
  const size_t level = std::min(levels, static_cast<size_t>(std::abs(shade) * kSteps));
  if (level == 0) return "";
  return shade > 0 ? ramp.for_it[level - 1] : ramp.against_it[level - 1];
}

// A piece cut at the blank in front of it: the blank stays outside the mark.
std::pair<std::string, std::string> blank_and_word(const std::string& text) {
  const size_t word = std::min(text.find_first_not_of(" \n\t"), text.size());
  return {text.substr(0, word), text.substr(word)};
}

struct Glyph {
  std::string bytes;
  int columns = 0;
  const char* code = "";
};
using Line = std::vector<Glyph>;

// Characters to lines of a width, broken at blanks where there is one.
std::vector<Line> wrap(const Line& glyphs, int width) {
  std::vector<Line> lines(1);
  int used = 0;
  for (const Glyph& glyph : glyphs) {
    if (glyph.bytes == "\n") {
      lines.emplace_back();
      used = 0;
      continue;
    }
    if (used + glyph.columns > width && used > 0) {
      Line& full = lines.back();
      const auto blank =
          std::find_if(full.rbegin(), full.rend(), [](const Glyph& g) { return g.bytes == " "; });
      Line rest;
      if (glyph.bytes != " " && blank != full.rend()) rest.assign(blank.base(), full.end());
      if (glyph.bytes != " " && blank != full.rend()) full.erase(blank.base() - 1, full.end());
      used = 0;
      for (const Glyph& moved : rest) used += moved.columns;
      lines.push_back(std::move(rest));
      if (glyph.bytes == " ") continue;
    }
    if (lines.back().empty() && glyph.bytes == " ") continue;
    lines.back().push_back(glyph);
    used += glyph.columns;
  }
  return lines;
}

void add_glyphs(const std::string& text, const char* code, Line& glyphs) {
  std::string_view rest = text;
  while (!rest.empty()) {
    const auto next = decode_utf8(rest);
    const std::string_view bytes = rest.substr(0, next ? next->bytes : 1);
    rest.remove_prefix(bytes.size());
    const bool line_end = bytes == "\n";
    std::string clean = line_end ? "\n" : without_controls(bytes);
    const int columns = line_end ? 0 : display_columns(clean);
    glyphs.push_back({std::move(clean), columns, code});
  }
}

// The text with one view's values as shades or, without colours, its strongest pieces as «piece +0.123».
std::string shaded_text(const std::vector<Piece>& pieces, const std::vector<double>& values, double largest,
                        const Paper& paper, int indent) {
  std::vector<bool> marked(pieces.size(), false);
  const std::vector<size_t> order = by_size(values);
  for (size_t i = 0; i < std::min(order.size(), kTokensListed); ++i) marked[order[i]] = true;
  Line glyphs;
  for (size_t i = 0; i < pieces.size(); ++i) {
    const auto [blank, word] = blank_and_word(pieces[i].text);
    // A blank that is a token of its own is shaded too.
    add_glyphs(blank, paper.colours && word.empty() ? shade_code(shade_of(values[i], largest)) : "", glyphs);
    if (paper.colours) {
      add_glyphs(word, shade_code(shade_of(values[i], largest)), glyphs);
    } else {
      add_glyphs(marked[i] ? "«" + (word.empty() ? piece_name(pieces[i]) : word) + " " +
                                 with_sign(values[i], paper.decimals) + "»"
                           : word,
                 "", glyphs);
    }
  }
  std::string text;
  for (const Line& line : wrap(glyphs, std::max(20, paper.columns - indent))) {
    if (line.empty()) continue;
    text += std::string(static_cast<size_t>(indent), ' ');
    const char* code = "";
    for (const Glyph& glyph : line) {
      if (glyph.code != code) {
        if (*code != '\0') text += kEnd;
        text += glyph.code;
        code = glyph.code;
      }
      text += glyph.bytes;
    }
    text += std::string(*code != '\0' ? kEnd : "") + "\n";
  }
  return text;
}

std::vector<double> values_of(const std::vector<Piece>& pieces, const std::function<double(size_t)>& value) {
  std::vector<double> values;
  for (const Piece& piece : pieces) values.push_back(piece_value(piece, value));
  return values;
}

double largest_of(std::span<const double> values) {
  double largest = 0.0;
  for (double value : values) largest = std::max(largest, std::abs(value));
  return largest;
}

std::string token_line(const std::vector<Piece>& pieces, const std::vector<double>& values,
                       const Paper& paper) {
  std::string text;
  const std::vector<size_t> order = by_size(values);
  for (size_t i = 0; i < std::min(order.size(), kTokensListed); ++i) {
    text += (i > 0 ? "  ·  " : "") + cut_to_columns(piece_name(pieces[order[i]]), 30) + " " +
            with_sign(values[order[i]], paper.decimals);
  }
  return text;
}

std::string head_line(const ExplainedPassage& passage, const Explanation& explanation, const Paper& paper) {
  std::string text;
  const std::vector<size_t> order = by_size(passage.head_shares);
  for (size_t i = 0; i < std::min(order.size(), kHeadsListed); ++i) {
    const size_t h = order[i];
    text += (i > 0 ? "  ·  " : "") + to_string(explanation.heads[h]) + " " +
            with_sign(passage.head_shares[h], paper.decimals) + " (" +
            percent(part_of_all(passage.head_shares, h)) + ")";
  }
  return order.size() > kHeadsListed ? text + "  ·  …" : text;
}

std::string head_views(const ExplainedPassage& passage, const Explanation& explanation,
                       const std::vector<Piece>& pieces, const Paper& paper) {
  std::string text;
  const std::vector<size_t> order = by_size(passage.head_shares);
  for (size_t i = 0; i < std::min(order.size(), kHeadsShown); ++i) {
    const size_t h = order[i];
    const std::vector<double> values =
        values_of(pieces, [&](size_t t) { return token_value(passage, h, t, Quantity::kWeight); });
    text += std::string(kIndent, ' ') +
            paper.faint("head " + to_string(explanation.heads[h]) + "  " +
                        with_sign(passage.head_shares[h], paper.decimals) + "  (" +
                        percent(part_of_all(passage.head_shares, h)) + ")") +
            "\n" + shaded_text(pieces, values, largest_of(values), paper, kIndent + 4);
  }
  if (order.size() > kHeadsShown) {
    text += std::string(kIndent, ' ') +
            paper.faint(std::to_string(order.size() - kHeadsShown) + " more heads: --json has them all") +
            "\n";
  }
  return text;
}

// Heads by passages.
std::string head_table(const Explanation& explanation, const Paper& paper) {
  const std::vector<size_t> order = heads_by_size(explanation);
  const int width = 8 + paper.decimals;
  const auto that_fit = static_cast<size_t>(std::max(1, (paper.columns - 10) / width));
  const size_t passages = std::min({explanation.passages.size(), kTablePassages, that_fit});
  std::string text = pad_to_columns("head", 10);
  for (size_t p = 0; p < passages; ++p) {
    text += pad_to_columns("rank " + std::to_string(p + 1), width, false);
  }
  text = paper.faint(text) + "\n";
  const auto row = [&](const std::string& name, const std::function<double(const ExplainedPassage&)>& value) {
    text += pad_to_columns(name, 10);
    for (size_t p = 0; p < passages; ++p) {
      text += pad_to_columns(with_sign(value(explanation.passages[p]), paper.decimals), width, false);
    }
    text += "\n";
  };
  const size_t listed = order.size() > kTableHeads ? kTableHeads - 1 : order.size();
  for (size_t i = 0; i < listed; ++i) {
    row(to_string(explanation.heads[order[i]]),
        [&](const ExplainedPassage& passage) { return passage.head_shares[order[i]]; });
  }
  if (listed < order.size()) {
    row(std::to_string(order.size() - listed) + " others", [&](const ExplainedPassage& passage) {
      double rest = 0.0;
      for (size_t i = listed; i < order.size(); ++i) rest += passage.head_shares[order[i]];
      return rest;
    });
  }
  row("sum", [](const ExplainedPassage& passage) { return passage.attention_score; });
  return text;
}

std::string field(const char* name, const std::string& value, const Paper& paper) {
  return std::string(kIndent, ' ') + paper.faint(pad_to_columns(name, 8)) +
         cut_to_columns(value, paper.columns - kIndent - 8) + "\n";
}

}  // namespace

std::string explain_text(const ExplainedAnswer& answer, int columns, bool colours) {
  const Explanation& explanation = *answer.explanation;
  Paper paper{.columns = columns, .colours = colours};
  double largest_score = 0.0;
  double largest = 0.0;
  std::vector<std::vector<Piece>> pieces;
  std::vector<std::vector<double>> values;
  for (const ExplainedPassage& passage : explanation.passages) {
    largest_score = std::max({largest_score, std::abs(passage.score), std::abs(passage.attention_score)});
    pieces.push_back(pieces_of(passage));
    values.push_back(
        values_of(pieces.back(), [&](size_t t) { return token_value(passage, t, Quantity::kWeight); }));
    largest = std::max(largest, largest_of(values.back()));
  }
  paper.decimals = std::max(decimals_for(largest_score), std::min(decimals_for(largest) - 1, 9));
  std::string text = paper.strong(cut_to_columns(answer.query, columns)) + "\n";
  for (size_t p = 0; p < explanation.passages.size(); ++p) {
    const ExplainedPassage& passage = explanation.passages[p];
    const std::string words = reading_words(passage);
    std::string line = pad_to_columns(std::to_string(p + 1), 4, false) + "  [" +
                       cut_to_columns(answer.passages[static_cast<size_t>(passage.index)].id, 60) + "]  " +
                       (words.empty() ? "" : words + "  ") + "score " +
                       fixed_digits(passage.score, paper.decimals);
    if (passage.fused) {
      line += " = " + fixed_digits(passage.fused->ours, paper.decimals) + " (attention, from " +
              fixed_digits(passage.attention_score, paper.decimals) + ") " +
              with_sign(passage.fused->first_stage, paper.decimals) + " (first stage)";
    }
    text += "\n" + paper.strong(line) + "\n" + shaded_text(pieces[p], values[p], largest, paper, kIndent) +
            field("tokens", token_line(pieces[p], values[p], paper), paper) +
            field("heads", head_line(passage, explanation, paper), paper);
    if (answer.per_head) text += head_views(passage, explanation, pieces[p], paper);
  }
  text += "\n" + head_table(explanation, paper);
  return text +
         paper.faint("read " + answer.heads + "; " + answer.encoding + ", calibration " + answer.calibration +
                     "; a passage's tokens add up to its " +
                     (answer.fuse == "none" ? "score" : "attention score") +
                     (colours ? "; blue speaks for it, orange against it" : "")) +
         "\n";
}

}  // namespace headwise
