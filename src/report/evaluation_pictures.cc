// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The report's pictures. Colours come from the page's style sheet through classes (gain, loss, even), so that
// they follow light and dark.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <numeric>

#include "report/evaluation_page.h"
#include "report/svg.h"

namespace headwise {
namespace {

const char* kind_of(double difference) { return difference > 0 ? "gain" : difference < 0 ? "loss" : "even"; }

// A bound a little above the largest value, with a step that divides it into round numbers.
struct Scale {
  double bound;
  double step;
};
Scale scale_for(double largest) {
  constexpr std::array<Scale, 6> kScales{
      {{0.05, 0.025}, {0.1, 0.05}, {0.2, 0.1}, {0.4, 0.2}, {0.6, 0.3}, {1, 0.5}}};
  for (const Scale& scale : kScales) {
    if (largest <= scale.bound) return scale;
  }
  return kScales.back();
}

}  // namespace

std::string scatter_svg(const ScatterPicture& picture) {
  constexpr SvgFrame kFrame{52, 12, 428, 388};
  std::string body;
  for (int i = 0; i <= 4; ++i) {
    const double share = i / 4.0;
    body += svg_line("grid", kFrame.x(share), kFrame.top, kFrame.x(share), kFrame.bottom);
    body += svg_line("grid", kFrame.left, kFrame.y(share), kFrame.right, kFrame.y(share));
    body += svg_text("middle", kFrame.x(share), kFrame.bottom + 18, svg_tick(share));
    body += svg_text("end", kFrame.left - 8, kFrame.y(share) + 4, svg_tick(share));
  }
  body += svg_line("axis", kFrame.x(0), kFrame.y(0), kFrame.x(1), kFrame.y(1));
  for (size_t i = 0; i < picture.x.size(); ++i) {
    const double difference = picture.y[i] - picture.x[i];
    body += std::string("<circle class=\"") + kind_of(difference) + "\" r=\"4\"" +
            svg_attribute("cx", kFrame.x(picture.x[i])) + svg_attribute("cy", kFrame.y(picture.y[i])) +
            "><title>" +
            html_text(picture.labels[i] + "\n" + picture.x_name + " " + fixed_digits(picture.x[i]) + "\n" +
                      picture.y_name + " " + fixed_digits(picture.y[i]) + "\n" + signed_digits(difference)) +
            "</title></circle>";
  }
  body += svg_text("middle", kFrame.x(0.5), kFrame.bottom + 38, picture.x_name, " class=\"name\"");
  body +=
      svg_text("middle", 0, 0, picture.y_name, " class=\"name\" transform=\"translate(14 200) rotate(-90)\"");
  return svg_picture(440, 432, picture.y_name + " against " + picture.x_name + ", one point a query", body);
}

std::string difference_svg(std::span<const double> differences, std::span<const std::string> labels) {
  constexpr SvgFrame kFrame{52, 12, 628, 388};
  std::vector<size_t> order(differences.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return differences[a] > differences[b]; });
  double largest = 0.0;
  for (double difference : differences) largest = std::max(largest, std::abs(difference));
  const Scale scale = scale_for(largest);
  auto y = [&](double difference) { return kFrame.y(0.5 + difference / scale.bound / 2.0); };
  std::string body;
  for (double tick = -scale.bound; tick <= scale.bound * 1.001; tick += scale.step) {
    body += svg_line(std::abs(tick) < 1e-9 ? "axis" : "grid", kFrame.left, y(tick), kFrame.right, y(tick));
    const char* sign = std::abs(tick) < 1e-9 ? "" : tick > 0 ? "+" : "\xE2\x88\x92";
    body += svg_text("end", kFrame.left - 8, y(tick) + 4, sign + svg_tick(std::abs(tick)));
  }
  const double slot = (kFrame.right - kFrame.left) / static_cast<double>(std::max<size_t>(1, order.size()));
  const double width = std::max(0.6, slot * (slot > 4 ? 0.8 : 1.0));
  for (size_t place = 0; place < order.size(); ++place) {
    const size_t i = order[place];
    const double high = y(std::max(differences[i], 0.0)), low = y(std::min(differences[i], 0.0));
    // A query without a difference keeps a hairline, so that it can be pointed at.
    body += std::string("<rect class=\"") + kind_of(differences[i]) + "\"" +
            svg_attribute("x", kFrame.left + static_cast<double>(place) * slot) + svg_attribute("y", high) +
            svg_attribute("width", width) + svg_attribute("height", std::max(1.0, low - high)) + "><title>" +
            html_text(labels[i] + "\n" + signed_digits(differences[i])) + "</title></rect>";
  }
  body +=
      svg_text("middle", kFrame.x(0.5), kFrame.bottom + 26, "queries, largest gain first", " class=\"name\"");
  return svg_picture(640, 432, "differences of all queries, sorted", body);
}

std::string histogram_svg(std::span<const double> values) {
  constexpr SvgFrame kFrame{52, 12, 628, 250};
  constexpr size_t kSteps = 20;
  std::array<size_t, kSteps> counts{};
  for (double value : values)
    ++counts[std::min(kSteps - 1, static_cast<size_t>(std::max(0.0, value) * kSteps))];
  const size_t largest = std::max<size_t>(1, *std::max_element(counts.begin(), counts.end()));
  std::string body;
  for (int i = 0; i <= 4; ++i)
    body += svg_text("middle", kFrame.x(i / 4.0), kFrame.bottom + 18, svg_tick(i / 4.0));
  body += svg_line("axis", kFrame.left, kFrame.bottom, kFrame.right, kFrame.bottom);
  body += svg_text("end", kFrame.left - 8, kFrame.top + 8, std::to_string(largest));
  body += svg_text("end", kFrame.left - 8, kFrame.bottom + 4, "0");
  for (size_t step = 0; step < kSteps; ++step) {
    const double high = kFrame.y(static_cast<double>(counts[step]) / static_cast<double>(largest));
    const double from = static_cast<double>(step) / kSteps;
    body += "<rect class=\"gain\"" + svg_attribute("x", kFrame.x(from) + 1) + svg_attribute("y", high) +
            svg_attribute("width", (kFrame.right - kFrame.left) / kSteps - 2) +
            svg_attribute("height", kFrame.bottom - high) + "><title>" + fixed_digits(from, 2) + " to " +
            fixed_digits(from + 1.0 / kSteps, 2) + ": " + std::to_string(counts[step]) +
            " queries</title></rect>";
  }
  body += svg_text("middle", kFrame.x(0.5), kFrame.bottom + 40, "value of a query", " class=\"name\"");
  return svg_picture(640, 300, "how many queries have which value", body);
}

}  // namespace headwise
