// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "report/explanation_views.h"

#include <algorithm>
#include <cmath>

#include "base/digits.h"

namespace headwise {
namespace {

constexpr size_t kHeadViews = 24;  // heads that can be looked at by themselves

std::string radio(const std::string& id, const char* group, bool chosen, const std::string& name) {
  return "<input type=\"radio\" name=\"" + std::string(group) + "\" id=\"" + id + "\"" +
         (chosen ? " checked" : "") + " aria-label=\"" + name + "\">";
}

std::string choice(const std::string& id, const std::string& name) {
  return "<label for=\"" + id + "\">" + name + "</label>";
}

}  // namespace

ExplanationViews views_of(const ExplainedAnswer& answer, const std::vector<std::vector<Piece>>& pieces) {
  const Explanation& explanation = *answer.explanation;
  ExplanationViews views;
  if (answer.per_head) {
    views.heads = heads_by_size(explanation);
    views.heads.resize(std::min(views.heads.size(), kHeadViews));
  }
  double largest_score = 0.0;
  for (const ExplainedPassage& passage : explanation.passages) {
    largest_score = std::max({largest_score, std::abs(passage.score), std::abs(passage.attention_score)});
  }
  for (size_t q = 0; q < kShades.size(); ++q) {
    views.largest[q].resize(views.count(), 0.0);
    views.negative[q].resize(views.count(), false);
    for (size_t view = 0; view < views.count(); ++view) {
      for (size_t place = 0; place < pieces.size(); ++place) {
        for (const Piece& piece : pieces[place]) {
          const double value =
              view_value(explanation.passages[place], views, view, piece, kShades[q].quantity);
          views.largest[q][view] = std::max(views.largest[q][view], std::abs(value));
          if (value < 0.0) views.negative[q][view] = true;
        }
      }
    }
  }
  views.decimals = std::max(decimals_for(largest_score), std::min(decimals_for(views.largest[0][0]) - 1, 9));
  return views;
}

double view_value(const ExplainedPassage& passage, const ExplanationViews& views, size_t view,
                  const Piece& piece, Quantity quantity) {
  return piece_value(piece, [&](size_t token) {
    return view == 0 ? token_value(passage, token, quantity)
                     : token_value(passage, views.heads[view - 1], token, quantity);
  });
}

std::string views_style(const ExplanationViews& views) {
  std::string css;
  for (size_t view = 0; view < views.count(); ++view) {
    const std::string v = std::to_string(view);
    const std::string on = "#h" + v + ":checked ~ ";
    for (const auto& [quantity, letter] : kShades) {
      const std::string both = on + "#q" + letter + ":checked ~ ";
      css += both + "section .t { --x: var(--" + letter + v + ", 0) } " + both + ".bar .k" + letter + v +
             " { display: inline }\n";
    }
    css += on + ".bar label[for=h" + v + "] { background: var(--mark); border-color: var(--gain) } #h" + v +
           ":focus-visible ~ .bar label[for=h" + v + "] { outline: 2px solid var(--gain) }\n";
  }
  for (const auto& [quantity, letter] : kShades) {
    const std::string id = std::string("q") + letter;
    css += "#" + id + ":checked ~ .bar label[for=" + id +
           "] { background: var(--mark); border-color: var(--gain) } #" + id +
           ":focus-visible ~ .bar label[for=" + id + "] { outline: 2px solid var(--gain) }\n";
  }
  return css;
}

std::string view_controls(const ExplainedAnswer& answer, const ExplanationViews& views) {
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
  for (size_t q = 0; q < kShades.size(); ++q) {
    for (size_t view = 0; view < views.count(); ++view) {
      const double largest = views.largest[q][view];
      const bool signs = views.negative[q][view];
      html += std::string("<span class=\"k k") + kShades[q].letter + std::to_string(view) + "\">" +
              (signs ? "against " + signed_digits(-largest, views.decimals + 1) : "0") +
              " <span class=\"ramp" + (signs ? "" : " up") + "\"></span> " +
              signed_digits(largest, views.decimals + 1) + (signs ? " for the passage" : "") + "</span>";
    }
  }
  return html + "<span class=\"soft\">&middot; the shade grows with the square root</span></div></section>\n";
}

}  // namespace headwise
