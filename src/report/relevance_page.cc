// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "report/relevance_page.h"

#include <algorithm>
#include <cmath>

#include "report/html.h"
#include "report/svg.h"

namespace headwise {
namespace {

constexpr int kCurveWidth = 300;
constexpr SvgFrame kCurveFrame{44.0, 12.0, 284.0, 212.0};

std::string title(const RelevanceCurve& curve) {
  return curve.candidates + (curve.candidates == "1" ? " candidate" : " candidates");
}

// A table row a bin, for readers who see no picture.
std::string bin_rows(const Reliability& reliability) {
  std::string rows;
  for (const ReliabilityBin& bin : reliability.bins) {
    if (bin.count == 0) continue;
    rows += "<tr><td>" + fixed_digits(bin.low, 1) + " to " + fixed_digits(bin.high, 1) + "</td><td>" +
            std::to_string(bin.count) + "</td><td>" + fixed_digits(bin.forecast) + "</td><td>" +
            fixed_digits(bin.observed) + "</td></tr>";
  }
  return rows;
}

std::string curve_html(const RelevanceCurve& curve) {
  const Reliability& r = curve.reliability;
  std::string html = "<h3>" + html_text(title(curve)) + "</h3>";
  if (r.count == 0) return html + "<p class=\"soft\">no request of this size</p>";
  html += "<div class=\"facts\">" + html_fact("expected calibration error", fixed_digits(r.error)) +
          html_fact("Brier score", fixed_digits(r.brier)) +
          (r.auc ? html_fact("area under the ROC curve", fixed_digits(*r.auc)) : "") +
          (curve.as_alone
               ? html_fact("near their relevance alone", fixed_digits(100.0 * *curve.as_alone, 0) + " %")
               : "") +
          html_fact("relevant", fixed_digits(100.0 * r.base_rate, 1) + " %") +
          html_fact("passages", std::to_string(r.count)) + "</div>" + reliability_svg(curve);
  return html +
         "<details><summary>numbers</summary><table><tr><th>relevance</th><th>passages</th>"
         "<th>mean</th><th>relevant</th></tr>" +
         bin_rows(r) + "</table></details>";
}

}  // namespace

std::string reliability_svg(const RelevanceCurve& curve) {
  std::string body;
  for (int tick = 0; tick <= 4; ++tick) {
    const double share = tick / 4.0;
    body +=
        svg_line("grid", kCurveFrame.left, kCurveFrame.y(share), kCurveFrame.right, kCurveFrame.y(share)) +
        svg_text("end", kCurveFrame.left - 6.0, kCurveFrame.y(share) + 4.0, svg_tick(share)) +
        svg_text("middle", kCurveFrame.x(share), kCurveFrame.bottom + 16.0, svg_tick(share));
  }
  body += svg_line("grid", kCurveFrame.x(0.0), kCurveFrame.y(0.0), kCurveFrame.x(1.0), kCurveFrame.y(1.0));
  std::string points;
  std::string marks;
  for (const ReliabilityBin& bin : curve.reliability.bins) {
    if (bin.count == 0) continue;
    const double x = kCurveFrame.x(bin.forecast);
    const double y = kCurveFrame.y(bin.observed);
    points += (points.empty() ? "" : " ") + fixed_digits(x, 1) + "," + fixed_digits(y, 1);
    // The area of a mark is as the share of the passages in it.
    const double share = static_cast<double>(bin.count) / static_cast<double>(curve.reliability.count);
    marks += "<circle class=\"gain\"" + svg_attribute("r", 3.0 + 9.0 * std::sqrt(share)) +
             svg_attribute("cx", x) + svg_attribute("cy", y) + "><title>" + std::to_string(bin.count) +
             " passages, relevance " + fixed_digits(bin.forecast) + ": " + fixed_digits(bin.observed) +
             " are relevant</title></circle>";
  }
  body += "<polyline class=\"curve gain\" points=\"" + points + "\"/>" + marks;
  body +=
      svg_text("middle", kCurveFrame.x(0.5), kCurveFrame.bottom + 34.0, "relevance said", " class=\"name\"");
  return svg_picture(kCurveWidth, static_cast<int>(kCurveFrame.bottom) + 40,
                     "share that is relevant by relevance said, " + title(curve), body);
}

std::string relevance_html(const RelevanceReport& report) {
  std::string body = "<p class=\"soft\">" + html_text(report.heads);
  for (const std::string& data : report.data) body += " &middot; " + html_text(data);
  body += "</p>\n";
  for (const RelevanceSection& section : report.sections) {
    body += "<section><h2>" + html_text(section.name) + "</h2>";
    for (const RelevanceCurve& curve : section.curves) body += curve_html(curve);
    body += "</section>\n";
  }
  body += "<section><h2>What it is made of</h2><table><tr><th>feature</th><th>weight</th></tr>";
  for (const auto& [name, weight] : report.weights) {
    body += "<tr><td>" + html_text(name) + "</td><td>" + fixed_digits(weight, 4) + "</td></tr>";
  }
  body += "</table></section>\n";
  return html_page("headwise heads calibrate", "How far relevance is to be trusted", body);
}

}  // namespace headwise
