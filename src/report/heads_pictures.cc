// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The pictures of the page of `heads show`: the map of single heads and the curve over layers below it.
#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "report/heads_page.h"
#include "report/html.h"
#include "report/svg.h"

namespace headwise {
namespace {

constexpr double kLeft = 56.0, kRight = 1112.0;
constexpr int kWidth = 1120;

// Columns of both pictures: one a layer.
struct Columns {
  double width;
  explicit Columns(int layers) : width(std::min(36.0, (kRight - kLeft) / layers)) {}
  double left(int layer) const { return kLeft + layer * width; }
  double middle(int layer) const { return left(layer) + width / 2.0; }
};

// Every how many rows or columns of this size a number fits.
int label_step(double size) { return size >= 17.0 ? 1 : size >= 9.0 ? 2 : 5; }

std::string rectangle(const std::string& more, double x, double y, double width, double height) {
  return "<rect" + more + svg_attribute("x", x) + svg_attribute("y", y) + svg_attribute("width", width) +
         svg_attribute("height", height);
}

// Outlines inside each other, one a set, as far as the cell has room.
std::string outlines(const std::vector<size_t>& sets, bool apart, double x, double y, double w, double h) {
  const double step = std::min(w, h) >= 18.0 ? 3.0 : 2.0;
  std::string body;
  double inset = 1.0;
  for (const size_t set : sets) {
    if (inset > 1.0 && (!apart || std::min(w, h) < 2.0 * inset + 2.0)) break;
    const std::string kind = " class=\"ring" + std::to_string(apart ? set : 0) + "\"";
    body += rectangle(kind, x + inset, y + inset, w - 2.0 * inset, h - 2.0 * inset) + "/>";
    inset += step;
  }
  return body;
}

std::string names_of(const HeadReport& report, const std::vector<size_t>& sets) {
  std::string names;
  for (const size_t set : sets) names += "\nin " + report.sets[set].name;
  return names;
}

std::string curve(const char* kind, const std::vector<double>& values, const Columns& columns,
                  const SvgFrame& frame, double low, double high) {
  std::string points;
  for (size_t i = 0; i < values.size(); ++i) {
    points += (i > 0 ? " " : "") + fixed_digits(columns.middle(static_cast<int>(i)), 1) + "," +
              fixed_digits(frame.y((values[i] - low) / (high - low)), 1);
  }
  return std::string("<polyline class=\"curve ") + kind + "\" points=\"" + points + "\"/>";
}

std::string layer_labels(const Columns& columns, int layers, double y) {
  std::string body;
  for (int layer = 0; layer < layers; layer += label_step(columns.width)) {
    body += svg_text("middle", columns.middle(layer), y, std::to_string(layer));
  }
  return body + svg_text("middle", (columns.left(0) + columns.left(layers)) / 2.0, y + 22.0, "layer",
                         " class=\"name\"");
}

}  // namespace

std::string head_map_svg(const HeadReport& report) {
  HW_CHECK(report.map.has_value());
  const HeadMap& map = *report.map;
  const Columns columns(map.layers);
  const double height = std::clamp(720.0 / map.heads, 9.0, std::max(9.0, columns.width));
  constexpr double kTop = 8.0;
  const auto [low, high] = std::minmax_element(map.single.begin(), map.single.end());
  const double range = *high > *low ? *high - *low : 1.0;
  const bool apart = report.sets.size() <= kMostOutlines;
  std::string cells, rings;
  for (int layer = 0; layer < map.layers; ++layer) {
    for (int head = 0; head < map.heads; ++head) {
      const double x = columns.left(layer), y = kTop + head * height;
      const double share = (map.at(layer, head) - *low) / range;
      const std::vector<size_t> sets = report.sets_with({layer, head});
      cells += rectangle(
                   " class=\"gain cell\" style=\"fill-opacity:" + fixed_digits(0.05 + 0.95 * share, 2) + "\"",
                   x, y, columns.width - 1.0, height - 1.0) +
               "><title>" +
               html_text("head " + to_string(HeadId{layer, head}) + "\nnDCG@10 " +
                         fixed_digits(map.at(layer, head)) + names_of(report, sets)) +
               "</title></rect>";
      rings += outlines(sets, apart, x, y, columns.width - 1.0, height - 1.0);
    }
  }
  std::string labels;
  for (int head = 0; head < map.heads; head += label_step(height)) {
    labels += svg_text("end", kLeft - 8.0, kTop + (head + 0.5) * height + 4.0, std::to_string(head));
  }
  const double bottom = kTop + map.heads * height;
  labels += svg_text("middle", 0, 0, "head",
                     (" class=\"name\" transform=\"translate(14 " + fixed_digits((kTop + bottom) / 2.0, 1) +
                      ") rotate(-90)\"")
                         .c_str());
  return svg_picture(kWidth, static_cast<int>(bottom) + 46, "nDCG@10 of every head alone, by layer and head",
                     cells + rings + labels + layer_labels(columns, map.layers, bottom + 18.0));
}

std::string layer_curve_svg(const HeadMap& map) {
  const Columns columns(map.layers);
  const SvgFrame frame{kLeft, 22.0, columns.left(map.layers), 262.0};
  double high = map.first_stage, low = map.first_stage;
  for (const auto* values : {&map.layer_sum, &map.layer_mean}) {
    high = std::max(high, *std::max_element(values->begin(), values->end()));
    low = std::min(low, *std::min_element(values->begin(), values->end()));
  }
  constexpr double kStep = 0.1;
  low = std::floor(low / kStep) * kStep;
  high = std::max(low + kStep, std::ceil(high / kStep - 1e-9) * kStep);
  const auto y = [&](double value) { return frame.y((value - low) / (high - low)); };
  const LayerWindow& window = map.window;
  std::string body = rectangle(" class=\"band\"", columns.left(window.first), frame.top,
                               (window.last - window.first + 1) * columns.width, frame.bottom - frame.top) +
                     "><title>window: layers " + std::to_string(window.first) + " to " +
                     std::to_string(window.last) + "</title></rect>";
  body +=
      svg_text("middle", (columns.left(window.first) + columns.left(window.last + 1)) / 2.0, frame.top - 8.0,
               "layers " + std::to_string(window.first) + "\xE2\x80\x93" + std::to_string(window.last));
  for (double tick = low; tick <= high + 1e-9; tick += kStep) {
    body += svg_line("grid", frame.left, y(tick), frame.right, y(tick)) +
            svg_text("end", frame.left - 8.0, y(tick) + 4.0, svg_tick(tick));
  }
  body += svg_line("level", frame.left, y(map.first_stage), frame.right, y(map.first_stage)) +
          curve("even", map.layer_mean, columns, frame, low, high) +
          curve("gain", map.layer_sum, columns, frame, low, high);
  for (int layer = 0; layer < map.layers; ++layer) {
    const auto place = static_cast<size_t>(layer);
    const struct {
      const char* kind;
      const char* name;
      double value;
    } marks[] = {{"even", "mean of its heads alone", map.layer_mean[place]},
                 {"gain", "its heads summed", map.layer_sum[place]}};
    for (const auto& mark : marks) {
      body += std::string("<circle class=\"") + mark.kind + "\" r=\"" +
              (layer == window.peak && mark.kind[0] == 'g' ? "6" : "3.5") + "\"" +
              svg_attribute("cx", columns.middle(layer)) + svg_attribute("cy", y(mark.value)) +
              "><title>layer " + std::to_string(layer) + "\n" + mark.name + ": nDCG@10 " +
              fixed_digits(mark.value) + "</title></circle>";
    }
  }
  body += layer_labels(columns, map.layers, frame.bottom + 18.0);
  return svg_picture(kWidth, static_cast<int>(frame.bottom) + 46, "nDCG@10 of every layer", body);
}

}  // namespace headwise
