// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The section on the middle zone in a report: a table, and two pictures by place in the prompt.
#include <algorithm>

#include "report/evaluation_page.h"
#include "report/svg.h"

namespace headwise {
namespace {

constexpr SvgFrame kFrame{56, 14, 1100, 250};
constexpr const char* kCurves[] = {"curve gain", "curve even"};

// A curve a run over the places; the first run is drawn in the strong colour.
std::string by_place(std::span<const MiddleZone> zones, double (*value)(const PlaceFigures&),
                     bool (*has)(const PlaceFigures&), const std::string& name) {
  double most = 0.0;
  int depth = 1;
  for (const MiddleZone& zone : zones) {
    depth = std::max(depth, zone.depth);
    for (const PlaceFigures& place : zone.places) most = std::max(most, value(place));
  }
  if (most <= 0.0) most = 1.0;
  const auto x = [&](double place) { return kFrame.x((place - 0.5) / depth); };
  std::string body;
  const double from = x(zones.front().first - 0.5);
  body += "<rect class=\"band\"" + svg_attribute("x", from) + svg_attribute("y", kFrame.top) +
          svg_attribute("width", x(zones.front().last + 0.5) - from) +
          svg_attribute("height", kFrame.bottom - kFrame.top) + "/>";
  for (int i = 0; i <= 4; ++i) {
    body +=
        svg_line(i == 0 ? "axis" : "grid", kFrame.left, kFrame.y(i / 4.0), kFrame.right, kFrame.y(i / 4.0));
    body += svg_text("end", kFrame.left - 8, kFrame.y(i / 4.0) + 4, svg_tick(most * i / 4.0));
  }
  for (int place = 1; place <= depth; place += depth > 25 ? 5 : 2) {
    body += svg_text("middle", x(place), kFrame.bottom + 18, std::to_string(place));
  }
  for (size_t z = 0; z < zones.size(); ++z) {
    std::string points;
    for (const PlaceFigures& place : zones[z].places) {
      if (!has(place)) continue;
      points += (points.empty() ? "" : " ") + fixed_digits(x(place.place), 1) + "," +
                fixed_digits(kFrame.y(value(place) / most), 1);
    }
    body += std::string("<polyline class=\"") + kCurves[z == 0 ? 0 : 1] + "\" points=\"" + points +
            "\"><title>" + html_text(zones[z].run) + "</title></polyline>";
  }
  body += svg_text("middle", kFrame.x(0.5), kFrame.bottom + 40,
                   "place in the prompt; the middle zone is shaded", " class=\"name\"");
  return "<h3 class=\"next\">" + html_text(name) + "</h3>" + svg_picture(1120, 300, name, body);
}

std::string percent(double share) { return fixed_digits(100.0 * share, 1) + " %"; }

}  // namespace

std::string middle_zone_html(std::span<const MiddleZone> zones) {
  if (zones.empty()) return "";
  const MiddleZone& first = zones.front();
  std::string html = "<section><h2>Middle zone</h2><p class=\"soft\">Passages at places " +
                     std::to_string(first.first) + " to " + std::to_string(first.last) + " of " +
                     std::to_string(first.depth) + " in the prompt: how many end at rank " +
                     std::to_string(first.top) +
                     " or better</p><div class=\"wide\"><table><tr><th>run</th><th>relevant</th><th>not "
                     "relevant</th><th>gap</th><th>deviation inside</th><th>outside</th></tr>\n";
  for (const MiddleZone& zone : zones) {
    html += "<tr><td class=\"text\">" + html_text(zone.run) + "</td><td>" + percent(zone.relevant_rate) +
            "<span class=\"small soft\">of " + std::to_string(zone.relevant) + "</span></td><td>" +
            percent(zone.irrelevant_rate) + "<span class=\"small soft\">of " +
            std::to_string(zone.irrelevant) + "</span></td><td>" +
            percent(zone.relevant_rate - zone.irrelevant_rate) + "</td><td>" +
            fixed_digits(zone.deviation_inside, 3) + "</td><td>" + fixed_digits(zone.deviation_outside, 3) +
            "<span class=\"small soft\">of " + (zone.log_scores ? "log scores" : "scores") +
            "</span></td></tr>\n";
  }
  html += "</table></div>";
  html += by_place(
      zones, [](const PlaceFigures& place) { return place.deviation; },
      [](const PlaceFigures&) { return true; },
      "Spread of scores by place (deviation, each query's mean taken out)");
  html += by_place(
      zones, [](const PlaceFigures& place) { return place.ndcg; },
      [](const PlaceFigures& place) { return place.relevant > 0; }, "nDCG@10 by place of a relevant passage");
  return html + "</section>\n";
}

}  // namespace headwise
