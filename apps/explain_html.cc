// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The explanation as one page without script and without any address: every view's numbers stand beside each
// token, radio buttons choose which of them the style sheet shades by (explain_style.h).
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "common/terminal.h"
#include "explain.h"
#include "explain_style.h"
#include "report/evaluation_page.h"
#include "report/style.h"

namespace headwise {
namespace {

constexpr size_t kListed = 10;     // tokens, and heads, under a passage
constexpr size_t kHeadViews = 24;  // heads that can be looked at by themselves
constexpr size_t kHeadsInHint = 8;

// What can be shaded by: the sum over heads, then single heads, the one that gives most first.
struct Views {
  std::vector<size_t> heads;       // heads[v - 1]: the head of view v
  std::vector<double> largest[2];  // by quantity, by view: the strongest shade
  std::vector<bool> negative[2];   // likewise: some number is below zero
  int decimals = 3;
  size_t count() const { return heads.size() + 1; }
};

constexpr std::array kQuantities{Quantity::kWeight, Quantity::kAttention};
constexpr std::array kLetters{"w", "a"};

double view_value(const ExplainedPassage& passage, const Views& views, size_t view, const Piece& piece,
                  Quantity quantity) {
  return piece_value(piece, [&](size_t token) {
    return view == 0 ? token_value(passage, token, quantity)
                     : token_value(passage, views.heads[view - 1], token, quantity);
  });
}

std::string number(double value, int decimals) { return signed_digits(value, decimals); }

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

std::string views_style(const Views& views) {
  std::string css;
  for (size_t view = 0; view < views.count(); ++view) {
    const std::string v = std::to_string(view);
    const std::string on = "#h" + v + ":checked ~ ";
    for (const char* letter : kLetters) {
      const std::string both = on + "#q" + letter + ":checked ~ ";
      css += both + "section .t { --x: var(--" + letter + v + ", 0) } " + both + ".bar .k" + letter + v +
             " { display: inline }\n";
    }
    css += on + ".bar label[for=h" + v + "] { background: var(--mark); border-color: var(--gain) } #h" + v +
           ":focus-visible ~ .bar label[for=h" + v + "] { outline: 2px solid var(--gain) }\n";
  }
  for (const char* letter : kLetters) {
    const std::string id = std::string("q") + letter;
    css += "#" + id + ":checked ~ .bar label[for=" + id +
           "] { background: var(--mark); border-color: var(--gain) } #" + id +
           ":focus-visible ~ .bar label[for=" + id + "] { outline: 2px solid var(--gain) }\n";
  }
  return css;
}

std::string radio(const std::string& id, const char* group, bool chosen, const std::string& name) {
  return "<input type=\"radio\" name=\"" + std::string(group) + "\" id=\"" + id + "\"" +
         (chosen ? " checked" : "") + " aria-label=\"" + name + "\">";
}

std::string choice(const std::string& id, const std::string& name) {
  return "<label for=\"" + id + "\">" + name + "</label>";
}

// The buttons (before everything they govern), then the bar with their labels and the legend.
std::string controls(const ExplainedAnswer& answer, const Views& views) {
  const std::vector<HeadId>& heads = answer.explanation->heads;
  std::string buttons = radio("h0", "view", true, "sum over heads");
  std::string labels = choice("h0", "sum over heads");
  for (size_t view = 1; view < views.count(); ++view) {
    const std::string id = "h" + std::to_string(view);
    const std::string name = to_string(heads[views.heads[view - 1]]);
    buttons += radio(id, "view", false, "head " + name);
    labels += choice(id, name);
  }
  buttons += radio("qw", "quantity", true, "part of the score") + radio("qa", "quantity", false, "attention");
  std::string html = buttons + "\n<section class=\"bar\">";
  if (views.count() > 1) {
    html += "<div class=\"choice\"><span class=\"soft small\">heads</span>" + labels;
    if (views.heads.size() < heads.size()) {
      html += "<span class=\"soft small\">the " + std::to_string(views.heads.size()) + " that give most of " +
              std::to_string(heads.size()) + "</span>";
    }
    html += "</div>";
  }
  html += "<div class=\"choice\"><span class=\"soft small\">shade</span>" +
          choice("qw", "part of the score") + choice("qa", "query&rsquo;s attention, uncalibrated") +
          "</div>";
  html += "<div class=\"choice small\"><span class=\"soft\">legend</span>";
  for (size_t q = 0; q < kLetters.size(); ++q) {
    for (size_t view = 0; view < views.count(); ++view) {
      const double largest = views.largest[q][view];
      const bool signs = views.negative[q][view];
      html += std::string("<span class=\"k k") + kLetters[q] + std::to_string(view) + "\">" +
              (signs ? "against " + number(-largest, views.decimals + 1) : "0") + " <span class=\"ramp" +
              (signs ? "" : " up") + "\"></span> " + number(largest, views.decimals + 1) +
              (signs ? " for the passage" : "") + "</span>";
    }
  }
  return html + "<span class=\"soft\">&middot; the shade grows with the square root</span></div></section>\n";
}

std::string hint_of(const ExplainedPassage& passage, const Explanation& explanation, const Views& views,
                    const Piece& piece) {
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
            number(by_head[order[i]], views.decimals + 2) + "\n";
  }
  hint.pop_back();
  return hint;
}

std::string text_html(const ExplainedPassage& passage, const Explanation& explanation, const Views& views,
                      const std::vector<Piece>& pieces) {
  std::string html = "<p class=\"text\" dir=\"auto\">";
  for (const Piece& piece : pieces) {
    std::string style;
    for (size_t q = 0; q < kQuantities.size(); ++q) {
      for (size_t view = 0; view < views.count(); ++view) {
        const double value = view_value(passage, views, view, piece, kQuantities[q]);
        const std::string shade = style_number(shade_of(value, views.largest[q][view]));
        if (!shade.empty())
          style += std::string("--") + kLetters[q] + std::to_string(view) + ":" + shade + ";";
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

size_t heads_listed(size_t heads) { return heads > kListed ? kListed - 1 : heads; }

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

std::string lists_html(const ExplainedPassage& passage, const Explanation& explanation, const Views& views,
                       const std::vector<Piece>& pieces, const Ranges& ranges) {
  std::vector<double> values;
  for (const Piece& piece : pieces) {
    values.push_back(view_value(passage, views, 0, piece, Quantity::kWeight));
  }
  std::string html = "<div class=\"two\"><div><h3>Strongest tokens, sum over heads</h3><div class=\"rows\">";
  const std::vector<size_t> strongest = by_size(values);
  for (size_t i = 0; i < std::min(strongest.size(), kListed); ++i) {
    const size_t at = strongest[i];
    html += row(html_text(piece_name(pieces[at])), values[at], number(values[at], views.decimals + 1),
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
                number(share, views.decimals + 1) + " &middot; " +
                    fixed_digits(100.0 * part_of_all(passage.head_shares, h), 0) + " %",
                ranges.heads);
  }
  if (listed < heads.size()) {
    html += row(std::to_string(heads.size() - listed) + " others", rest, number(rest, views.decimals + 1),
                ranges.heads);
  }
  return html + "</div></div></div>";
}

std::string passage_html(const ExplainedAnswer& answer, size_t place, const Views& views,
                         const std::vector<Piece>& pieces, const Ranges& ranges) {
  const ExplainedPassage& passage = answer.explanation->passages[place];
  const Passage& given = answer.passages[static_cast<size_t>(passage.index)];
  std::string html = "<section><div class=\"head\"><h2><span class=\"rank\">" + std::to_string(place + 1) +
                     "</span>" + html_text(given.id) + "</h2><span class=\"soft small\">given as " +
                     std::to_string(passage.index + 1) + " of " + std::to_string(answer.passages.size()) +
                     " &middot; " + std::to_string(passage.tokens.size()) +
                     " tokens</span><span class=\"score\" title=\"" + exact(passage.score) + "\">" +
                     fixed_digits(passage.score, views.decimals) + "</span></div>";
  if (passage.fused) {
    html += "<p class=\"soft small\">" + number(passage.fused->ours, views.decimals) +
            " from the attention score " + fixed_digits(passage.attention_score, views.decimals) + ", " +
            number(passage.fused->first_stage, views.decimals) +
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
  if (answer.fuse != "none") html += fact("first stage", html_text(answer.fuse));
  html += fact("tokens read", std::to_string(explanation.statistics.prompt_tokens));
  html += fact("layers run", std::to_string(explanation.statistics.layers_run));
  return html + "</div><p class=\"soft small\">Read: " + html_text(answer.heads) + "</p>";
}

}  // namespace

std::string explain_html(const ExplainedAnswer& answer) {
  const Explanation& explanation = *answer.explanation;
  Views views;
  if (answer.per_head) {
    views.heads = heads_by_size(explanation);
    views.heads.resize(std::min(views.heads.size(), kHeadViews));
  }
  for (size_t q = 0; q < kQuantities.size(); ++q) {
    views.largest[q].resize(views.count(), 0.0);
    views.negative[q].resize(views.count(), false);
  }
  Ranges ranges;
  double largest_score = 0.0;
  std::vector<std::vector<Piece>> pieces;
  for (const ExplainedPassage& passage : explanation.passages) {
    largest_score = std::max({largest_score, std::abs(passage.score), std::abs(passage.attention_score)});
    for (double share : passage.head_shares) ranges.heads.hold(share);
    ranges.heads.hold(unlisted_share(passage, by_size(passage.head_shares)));
    pieces.push_back(pieces_of(passage));
    for (const Piece& piece : pieces.back()) {
      ranges.pieces.hold(view_value(passage, views, 0, piece, Quantity::kWeight));
      for (size_t q = 0; q < kQuantities.size(); ++q) {
        for (size_t view = 0; view < views.count(); ++view) {
          const double value = view_value(passage, views, view, piece, kQuantities[q]);
          views.largest[q][view] = std::max(views.largest[q][view], std::abs(value));
          if (value < 0.0) views.negative[q][view] = true;
        }
      }
    }
  }
  views.decimals = std::max(decimals_for(largest_score), std::min(decimals_for(views.largest[0][0]) - 1, 9));
  std::string html =
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>headwise explains: " +
      html_text(answer.query) + "</title><style>" + kReportStyle + kExplainStyle + views_style(views) +
      "</style></head>\n<body><main><p class=\"soft small\">headwise explains</p><h1 dir=\"auto\">" +
      html_text(answer.query) + "</h1>\n" + facts(answer) + controls(answer, views);
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
