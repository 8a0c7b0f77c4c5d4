// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "report/sensitivity_page.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "report/html.h"
#include "report/svg.h"

namespace headwise {
namespace {

constexpr int kLossWidth = 1120;
constexpr SvgFrame kLossFrame{56.0, 22.0, 1000.0, 282.0};

// The layer's place, left to right.
double layer_x(size_t layer, size_t layers) {
  return kLossFrame.x((static_cast<double>(layer) + 0.5) / static_cast<double>(layers));
}

std::string kept_percent(double share) { return fixed_digits(100.0 * share, 0) + " %"; }

// A curve; its name is read out at its points.
std::string loss_curve(const std::string& kind, const std::string& name, const std::vector<double>& losses,
                       double most) {
  std::string points;
  std::string marks;
  for (size_t layer = 0; layer < losses.size(); ++layer) {
    const double x = layer_x(layer, losses.size());
    const double y = kLossFrame.y(losses[layer] / most);
    points += (layer > 0 ? " " : "") + fixed_digits(x, 1) + "," + fixed_digits(y, 1);
    marks += "<circle class=\"" + kind + "\" r=\"3\"" + svg_attribute("cx", x) + svg_attribute("cy", y) +
             "><title>layer " + std::to_string(layer) + ", " + html_text(name) + ": " +
             fixed_digits(losses[layer]) + "</title></circle>";
  }
  return "<polyline class=\"curve " + kind + "\" points=\"" + points + "\"/>" + marks;
}

struct CurveName {
  double y;
  std::string name;
};

// Names behind the curves' last points, one below the other where those are close.
std::string curve_names(std::vector<CurveName> names) {
  constexpr double kLine = 14.0;
  std::stable_sort(names.begin(), names.end(),
                   [](const CurveName& a, const CurveName& b) { return a.y > b.y; });
  std::string body;
  double below = kLossFrame.bottom + 2.0 * kLine;
  for (const CurveName& of : names) {
    below = std::min(of.y, below - kLine);
    body += svg_text("start", kLossFrame.right + 8.0, below + 4.0, of.name);
  }
  return body;
}

std::string layer_table(const SensitivityReport& report) {
  std::string html = "<div class=\"wide\"><table><tr><th>layer</th>";
  for (const double share : report.kept) html += "<th>kept " + kept_percent(share) + "</th>";
  html += "<th>mean</th>";
  for (const double budget : report.budgets) html += "<th>share, B = " + svg_tick(budget) + "</th>";
  html += "</tr>\n";
  for (size_t layer = 0; layer < report.mean.size(); ++layer) {
    html += "<tr><td>" + std::to_string(layer) + "</td>";
    for (const std::vector<double>& losses : report.losses)
      html += "<td>" + fixed_digits(losses[layer]) + "</td>";
    html += "<td>" + fixed_digits(report.mean[layer]) + "</td>";
    for (const std::vector<float>& shares : report.shares) {
      html += "<td>" + kept_percent(static_cast<double>(shares[layer])) + "</td>";
    }
    html += "</tr>\n";
  }
  return html + "</table></div>";
}

}  // namespace

std::string sensitivity_svg(const SensitivityReport& report) {
  double most = 1e-3;
  for (const std::vector<double>& losses : report.losses) {
    for (const double loss : losses) most = std::max(most, loss);
  }
  std::string body;
  const double magnitude = std::pow(10.0, std::floor(std::log10(most)));
  const double tick = most / magnitude > 5.0   ? 2.0 * magnitude
                      : most / magnitude > 2.0 ? magnitude
                                               : magnitude / 2;
  for (double at = 0.0; at <= most * (1.0 + 1e-9); at += tick) {
    const double y = kLossFrame.y(at / most);
    body += svg_line("grid", kLossFrame.left, y, kLossFrame.right, y) +
            svg_text("end", kLossFrame.left - 8.0, y + 4.0, svg_tick(at));
  }
  std::vector<CurveName> names;
  const auto add = [&](const char* kind, const std::string& name, const std::vector<double>& losses) {
    body += loss_curve(kind, name, losses, most);
    if (!losses.empty()) names.push_back({kLossFrame.y(losses.back() / most), name});
  };
  for (size_t i = 0; i < report.kept.size(); ++i) {
    add("even", "kept " + kept_percent(report.kept[i]), report.losses[i]);
  }
  add("gain", "mean", report.mean);
  body += curve_names(std::move(names));
  const size_t layers = report.mean.size();
  for (size_t layer = 0; layer<layers; layer += layers> 40 ? 5 : 1) {
    body += svg_text("middle", layer_x(layer, layers), kLossFrame.bottom + 18.0, std::to_string(layer));
  }
  body += svg_text("middle", (kLossFrame.left + kLossFrame.right) / 2.0, kLossFrame.bottom + 40.0, "layer",
                   " class=\"name\"");
  return svg_picture(kLossWidth, static_cast<int>(kLossFrame.bottom) + 46,
                     "rank correlation lost when one layer is pruned", body);
}

std::string sensitivity_html(const SensitivityReport& report) {
  const auto worst = std::max_element(report.mean.begin(), report.mean.end());
  std::string body = "<p class=\"soft\">" + html_text(report.model) + " &middot; " +
                     html_text(report.source) + " &middot; " + std::to_string(report.queries) +
                     " queries</p>\n";
  body += "<section><h2>One layer pruned, the others whole</h2><div class=\"facts\">";
  body += html_fact("layers kept", std::to_string(report.mean.size()));
  if (worst != report.mean.end()) {
    body +=
        html_fact("loses most: layer " + std::to_string(worst - report.mean.begin()), fixed_digits(*worst));
  }
  body +=
      "</div><p class=\"soft small\">1 less Kendall's tau with the unpruned scores; 0: the same order.</p>" +
      sensitivity_svg(report) + layer_table(report) +
      "<p class=\"soft small\">Shares: what split=depth keeps of each layer with a mean of "
      "B.</p></section>\n";
  return html_page("headwise heads sensitivity", "What each layer of kept passages is worth", body);
}

}  // namespace headwise
