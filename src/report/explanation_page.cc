// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "report/explanation_page.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "base/digits.h"
#include "base/shown_text.h"
#include "report/explanation_pieces.h"
#include "report/explanation_style.h"
#include "report/explanation_views.h"
#include "report/html.h"
#include "report/style.h"

namespace headwise {
namespace {

constexpr size_t kRowsListed = 10;  // tokens, and heads, under a passage
constexpr size_t kHeadsInHint = 8;

// Every digit, for the hints.
std::string exact(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.17g", value);
  return text.data();
}

// A number for the style sheet: ".31", "-.2", nothing for 0.
std::string style_number(double value) {
  const long hundredths = std::lround(value * 100.0);
  if (hundredths == 0) return {};
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), "%.2f", static_cast<double>(hundredths) / 100.0);
  return text.data();
}

std::string hint_of(const ExplainedPassage& passage, const Explanation& explanation,
                    const ExplanationViews& views, const Piece& piece) {
  std::string hint;
  for (size_t token = piece.first; token < piece.last; ++token) {
    const ExplainedToken& of = passage.tokens[token];
    const std::string bytes = passage.text.substr(of.begin, of.end - of.begin);
    hint += "\xE2\x80\x9C" + without_controls(bytes) + "\xE2\x80\x9D  id " + std::to_string(of.id) +
            "\nweight " + exact(of.weight) + "\nattention " + exact(of.attention) + "\n";
    if (of.dropped_by > 0) {
      hint += "dropped by the token filter of " + std::to_string(of.dropped_by) + " of " +
              std::to_string(explanation.heads.size()) + " heads\n";
    }
  }
  std::vector<double> by_head(views.heads.size());
  for (size_t v = 0; v < by_head.size(); ++v) {
    by_head[v] = view_value(passage, views, v + 1, piece, Quantity::kWeight);
  }
  const std::vector<size_t> order = by_size(by_head);
  for (size_t i = 0; i < std::min(order.size(), kHeadsInHint); ++i) {
    hint += to_string(explanation.heads[views.heads[order[i]]]) + "  " +
            signed_digits(by_head[order[i]], views.decimals + 2) + "\n";
  }
  hint.pop_back();
  return hint;
}

std::string text_html(const ExplainedPassage& passage, const Explanation& explanation,
                      const ExplanationViews& views, const std::vector<Piece>& pieces) {
  std::string html = "<p class=\"text\" dir=\"auto\">";
  for (const Piece& piece : pieces) {
    std::string style;
    for (size_t q = 0; q < kShades.size(); ++q) {
      for (size_t view = 0; view < views.count(); ++view) {
        const double value = view_value(passage, views, view, piece, kShades[q].quantity);
        const std::string shade = style_number(shade_of(value, views.largest[q][view]));
        if (!shade.empty())
          style += std::string("--") + kShades[q].letter + std::to_string(view) + ":" + shade + ";";
      }
    }
    bool dropped = false;
    for (size_t token = piece.first; token < piece.last; ++token) {
      dropped = dropped || passage.tokens[token].dropped_by > 0;
    }
    html += std::string("<span class=\"t") + (dropped ? " d" : "") + "\" style=\"" + style + "\" title=\"" +
            html_text(hint_of(passage, explanation, views, piece)) + "\">" + html_text(piece.text) +
            "</span>";
  }
  return html + "</p>\n";
}

// Names, numbers and bars. One range for all passages, so that bars can be compared.
struct Range {
  double low = 0.0;
  double high = 0.0;
  void hold(double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
  double percent(double value) const { return high > low ? 100.0 * (value - low) / (high - low) : 0.0; }
};

std::string row(const std::string& name_html, double value, const std::string& figure, const Range& range) {
  const double from = range.percent(std::min(0.0, value));
  const double to = range.percent(std::max(0.0, value));
  return "<span class=\"name\">" + name_html + "</span><span>" + figure +
         "</span><span class=\"track\" style=\"--zero:" + fixed_digits(range.percent(0.0), 2) +
         "%\"><i class=\"" + (value < 0.0 ? "loss" : "gain") + "\" style=\"left:" + fixed_digits(from, 2) +
         "%;width:" + fixed_digits(to - from, 2) + "%\"></i></span>\n";
}

size_t heads_listed(size_t heads) { return heads > kRowsListed ? kRowsListed - 1 : heads; }

// What the heads give that are not listed; `order` is by_size of the shares.
double unlisted_share(const ExplainedPassage& passage, const std::vector<size_t>& order) {
  double rest = 0.0;
  for (size_t i = heads_listed(order.size()); i < order.size(); ++i) rest += passage.head_shares[order[i]];
  return rest;
}

struct Ranges {
  Range pieces;
  Range heads;
};

std::string lists_html(const ExplainedPassage& passage, const Explanation& explanation,
                       const ExplanationViews& views, const std::vector<Piece>& pieces,
                       const Ranges& ranges) {
  std::vector<double> values;
  for (const Piece& piece : pieces) {
    values.push_back(view_value(passage, views, 0, piece, Quantity::kWeight));
  }
  std::string html = "<div class=\"two\"><div><h3>Strongest tokens, sum over heads</h3><div class=\"rows\">";
  const std::vector<size_t> strongest = by_size(values);
  for (size_t i = 0; i < std::min(strongest.size(), kRowsListed); ++i) {
    const size_t at = strongest[i];
    html += row(html_text(piece_name(pieces[at])), values[at], signed_digits(values[at], views.decimals + 1),
                ranges.pieces);
  }
  html += "</div></div><div><h3>Heads</h3><div class=\"rows\">";
  const std::vector<size_t> heads = by_size(passage.head_shares);
  const size_t listed = heads_listed(heads.size());
  const double rest = unlisted_share(passage, heads);
  for (size_t i = 0; i < listed; ++i) {
    const size_t h = heads[i];
    const double share = passage.head_shares[h];
    const auto view = std::find(views.heads.begin(), views.heads.end(), h);
    std::string name = to_string(explanation.heads[h]);
    if (view != views.heads.end()) {
      name = "<label for=\"h" + std::to_string(view - views.heads.begin() + 1) +
             "\" title=\"shade by this head\">" + name + "</label>";
    }
    html += row(name, share,
                signed_digits(share, views.decimals + 1) + " &middot; " +
                    fixed_digits(100.0 * part_of_all(passage.head_shares, h), 0) + " %",
                ranges.heads);
  }
  if (listed < heads.size()) {
    html += row(std::to_string(heads.size() - listed) + " others", rest,
                signed_digits(rest, views.decimals + 1), ranges.heads);
  }
  return html + "</div></div></div>";
}

std::string passage_html(const ExplainedAnswer& answer, size_t place, const ExplanationViews& views,
                         const std::vector<Piece>& pieces, const Ranges& ranges) {
  const ExplainedPassage& passage = answer.explanation->passages[place];
  const Passage& given = answer.passages[static_cast<size_t>(passage.index)];
  const std::string words = reading_words(passage);
  std::string html =
      "<section><div class=\"head\"><h2><span class=\"rank\">" + std::to_string(place + 1) + "</span>" +
      html_text(given.id) + "</h2><span class=\"soft small\">given as " + std::to_string(passage.index + 1) +
      " of " + std::to_string(answer.passages.size()) + " &middot; " + std::to_string(passage.tokens.size()) +
      " tokens" + (words.empty() ? "" : " &middot; " + words) + "</span><span class=\"score\" title=\"" +
      exact(passage.score) + "\">" + fixed_digits(passage.score, views.decimals) + "</span></div>";
  if (passage.fused) {
    html += "<p class=\"soft small\">" + signed_digits(passage.fused->ours, views.decimals) +
            " from the attention score " + fixed_digits(passage.attention_score, views.decimals) + ", " +
            signed_digits(passage.fused->first_stage, views.decimals) +
            " from the first stage; the tokens below add up to the attention score.</p>";
  }
  html += text_html(passage, *answer.explanation, views, pieces);
  return html + lists_html(passage, *answer.explanation, views, pieces, ranges) + "</section>\n";
}

std::string fact(const char* name, const std::string& value) {
  return std::string("<div><span class=\"soft small\">") + name + "</span><b>" + value + "</b></div>";
}

std::string facts(const ExplainedAnswer& answer) {
  const Explanation& explanation = *answer.explanation;
  std::string html = "<div class=\"facts\">";
  html += fact("passages", std::to_string(explanation.passages.size()) +
                               (explanation.passages.size() < answer.passages.size()
                                    ? " of " + std::to_string(answer.passages.size())
                                    : ""));
  html += fact("calibration", html_text(answer.calibration)) + fact("encoding", html_text(answer.encoding));
  html += fact("precision", html_text(answer.precision + " on " + answer.backend));
  if (answer.fuse != "none") html += fact("first stage", html_text(answer.fuse));
  html += fact("tokens read", std::to_string(explanation.statistics.prompt_tokens));
  if (explanation.statistics.passages_kept > 0) {
    html += fact("passages kept", std::to_string(explanation.statistics.passages_kept)) +
            fact("tokens run", std::to_string(explanation.statistics.tokens_run));
  }
  html += fact("layers run", std::to_string(explanation.statistics.layers_run));
  return html + "</div><p class=\"soft small\">Read: " + html_text(answer.heads) + "</p>";
}

}  // namespace

std::string explanation_page(const ExplainedAnswer& answer) {
  const Explanation& explanation = *answer.explanation;
  Ranges ranges;
  std::vector<std::vector<Piece>> pieces;
  for (const ExplainedPassage& passage : explanation.passages) {
    pieces.push_back(pieces_of(passage));
    for (double share : passage.head_shares) ranges.heads.hold(share);
    ranges.heads.hold(unlisted_share(passage, by_size(passage.head_shares)));
  }
  const ExplanationViews views = views_of(answer, pieces);
  for (size_t place = 0; place < pieces.size(); ++place) {
    for (const Piece& piece : pieces[place]) {
      ranges.pieces.hold(view_value(explanation.passages[place], views, 0, piece, Quantity::kWeight));
    }
  }
  std::string html =
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>headwise explains: " +
      html_text(answer.query) + "</title><style>" + kReportStyle + kExplanationStyle + views_style(views) +
      "</style></head>\n<body><main><p class=\"soft small\">headwise explains</p><h1 dir=\"auto\">" +
      html_text(answer.query) + "</h1>\n" + facts(answer) + view_controls(answer, views);
  for (size_t place = 0; place < explanation.passages.size(); ++place) {
    html += passage_html(answer, place, views, pieces[place], ranges);
  }
  html +=
      "<p class=\"soft small\" style=\"margin-top:20px\">A token&rsquo;s weight is its part of the "
      "passage&rsquo;s "
      "attention score: added in order, the weights of a passage give that score. What each is computed from "
      "stands in "
      "docs/method.md#explanations. Percentages: of what all heads give, for or against. A dotted line: left "
      "out by the "
      "token filter of at least one head. Point at a token to see its numbers.</p></main></body></html>\n";
  return html;
}

}  // namespace headwise
