// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The report's pictures. Colours come from the page's style sheet through classes (gain, loss, even), so that
// they follow light and dark.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <numeric>

#include "eval/report.h"

namespace headwise {
namespace {

// The drawing area inside the picture; the rest is for axes.
struct Frame {
  double left, top, right, bottom;
  double x(double share) const { return left + share * (right - left); }
  double y(double share) const { return bottom - share * (bottom - top); }
};

std::string number(double value) { return fixed_digits(value, 1); }

std::string attribute(const char* name, double value) {
  return std::string(" ") + name + "=\"" + number(value) + "\"";
}

std::string line(const char* kind, double x1, double y1, double x2, double y2) {
  return std::string("<line class=\"") + kind + "\"" + attribute("x1", x1) + attribute("y1", y1) +
         attribute("x2", x2) + attribute("y2", y2) + "/>";
}

std::string text(const char* anchor, double x, double y, const std::string& content, const char* more = "") {
  return std::string("<text text-anchor=\"") + anchor + "\"" + attribute("x", x) + attribute("y", y) + more +
         ">" + html_text(content) + "</text>";
}

std::string svg(int width, int height, const std::string& name, const std::string& body) {
  return "<svg viewBox=\"0 0 " + std::to_string(width) + " " + std::to_string(height) +
         "\" role=\"img\" aria-label=\"" + html_text(name) + "\">" + body + "</svg>\n";
}

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

std::string plain_tick(double value) {
  std::string shown = fixed_digits(value, 3);
  while (shown.ends_with('0')) shown.pop_back();  // three digits: the point stops this
  if (shown.ends_with('.')) shown.pop_back();
  return shown;
}

}  // namespace

std::string scatter_svg(const ScatterPicture& picture) {
  constexpr Frame kFrame{52, 12, 428, 388};
  std::string body;
  for (int i = 0; i <= 4; ++i) {
    const double share = i / 4.0;
    body += line("grid", kFrame.x(share), kFrame.top, kFrame.x(share), kFrame.bottom);
    body += line("grid", kFrame.left, kFrame.y(share), kFrame.right, kFrame.y(share));
    body += text("middle", kFrame.x(share), kFrame.bottom + 18, plain_tick(share));
    body += text("end", kFrame.left - 8, kFrame.y(share) + 4, plain_tick(share));
  }
  body += line("axis", kFrame.x(0), kFrame.y(0), kFrame.x(1), kFrame.y(1));
  for (size_t i = 0; i < picture.x.size(); ++i) {
    const double difference = picture.y[i] - picture.x[i];
    body += std::string("<circle class=\"") + kind_of(difference) + "\" r=\"4\"" +
            attribute("cx", kFrame.x(picture.x[i])) + attribute("cy", kFrame.y(picture.y[i])) + "><title>" +
            html_text(picture.labels[i] + "\n" + picture.x_name + " " + fixed_digits(picture.x[i]) + "\n" +
                      picture.y_name + " " + fixed_digits(picture.y[i]) + "\n" + signed_digits(difference)) +
            "</title></circle>";
  }
  body += text("middle", kFrame.x(0.5), kFrame.bottom + 38, picture.x_name, " class=\"name\"");
  body += text("middle", 0, 0, picture.y_name, " class=\"name\" transform=\"translate(14 200) rotate(-90)\"");
  return svg(440, 432, picture.y_name + " against " + picture.x_name + ", one point a query", body);
}

std::string difference_svg(std::span<const double> differences, std::span<const std::string> labels) {
  constexpr Frame kFrame{52, 12, 628, 388};
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
    body += line(std::abs(tick) < 1e-9 ? "axis" : "grid", kFrame.left, y(tick), kFrame.right, y(tick));
    const char* sign = std::abs(tick) < 1e-9 ? "" : tick > 0 ? "+" : "\xE2\x88\x92";
    body += text("end", kFrame.left - 8, y(tick) + 4, sign + plain_tick(std::abs(tick)));
  }
  const double slot = (kFrame.right - kFrame.left) / static_cast<double>(std::max<size_t>(1, order.size()));
  const double width = std::max(0.6, slot * (slot > 4 ? 0.8 : 1.0));
  for (size_t place = 0; place < order.size(); ++place) {
    const size_t i = order[place];
    const double high = y(std::max(differences[i], 0.0)), low = y(std::min(differences[i], 0.0));
    // A query without a difference keeps a hairline, so that it can be pointed at.
    body += std::string("<rect class=\"") + kind_of(differences[i]) + "\"" +
            attribute("x", kFrame.left + static_cast<double>(place) * slot) + attribute("y", high) +
            attribute("width", width) + attribute("height", std::max(1.0, low - high)) + "><title>" +
            html_text(labels[i] + "\n" + signed_digits(differences[i])) + "</title></rect>";
  }
  body += text("middle", kFrame.x(0.5), kFrame.bottom + 26, "queries, largest gain first", " class=\"name\"");
  return svg(640, 432, "differences of all queries, sorted", body);
}

std::string histogram_svg(std::span<const double> values) {
  constexpr Frame kFrame{52, 12, 628, 250};
  constexpr size_t kSteps = 20;
  std::array<size_t, kSteps> counts{};
  for (double value : values)
    ++counts[std::min(kSteps - 1, static_cast<size_t>(std::max(0.0, value) * kSteps))];
  const size_t largest = std::max<size_t>(1, *std::max_element(counts.begin(), counts.end()));
  std::string body;
  for (int i = 0; i <= 4; ++i)
    body += text("middle", kFrame.x(i / 4.0), kFrame.bottom + 18, plain_tick(i / 4.0));
  body += line("axis", kFrame.left, kFrame.bottom, kFrame.right, kFrame.bottom);
  body += text("end", kFrame.left - 8, kFrame.top + 8, std::to_string(largest));
  body += text("end", kFrame.left - 8, kFrame.bottom + 4, "0");
  for (size_t step = 0; step < kSteps; ++step) {
    const double high = kFrame.y(static_cast<double>(counts[step]) / static_cast<double>(largest));
    const double from = static_cast<double>(step) / kSteps;
    body += "<rect class=\"gain\"" + attribute("x", kFrame.x(from) + 1) + attribute("y", high) +
            attribute("width", (kFrame.right - kFrame.left) / kSteps - 2) +
            attribute("height", kFrame.bottom - high) + "><title>" + fixed_digits(from, 2) + " to " +
            fixed_digits(from + 1.0 / kSteps, 2) + ": " + std::to_string(counts[step]) +
            " queries</title></rect>";
  }
  body += text("middle", kFrame.x(0.5), kFrame.bottom + 40, "value of a query", " class=\"name\"");
  return svg(640, 300, "how many queries have which value", body);
}

}  // namespace headwise
