// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "report/training_page.h"

#include <algorithm>
#include <cmath>

#include "report/html.h"
#include "report/svg.h"

namespace headwise {
namespace {

constexpr SvgFrame kFrame{60, 14, 1100, 240};

struct Point {
  double x;
  double y;
};
struct Curve {
  std::string name;
  const char* kind;  // class of the line
  std::vector<Point> points;
};

double nice_step(double range) {
  const double power = std::pow(10.0, std::floor(std::log10(std::max(range, 1e-9))));
  for (const double factor : {0.2, 0.5, 1.0, 2.0, 5.0}) {
    if (range / (factor * power) <= 5.0) return factor * power;
  }
  return 10.0 * power;
}

std::string line_chart(const std::string& name, const std::vector<Curve>& curves, double last_x) {
  double low = INFINITY;
  double high = -INFINITY;
  for (const Curve& curve : curves) {
    for (const Point& point : curve.points) {
      low = std::min(low, point.y);
      high = std::max(high, point.y);
    }
  }
  if (!(low <= high)) return "";
  if (high - low < 1e-9) {
    low -= 0.5;
    high += 0.5;
  }
  const double step = nice_step(high - low);
  low = std::floor(low / step) * step;
  high = std::ceil(high / step) * step;
  const auto x = [&](double value) { return kFrame.x(last_x <= 0.0 ? 0.0 : value / last_x); };
  const auto y = [&](double value) { return kFrame.y((value - low) / (high - low)); };
  std::string body;
  for (double tick = low; tick <= high + step / 2; tick += step) {
    body += svg_line("grid", kFrame.left, y(tick), kFrame.right, y(tick));
    body += svg_text("end", kFrame.left - 8, y(tick) + 4, svg_tick(std::abs(tick) < step / 1e6 ? 0.0 : tick));
  }
  const double x_step = nice_step(last_x);
  for (double tick = 0.0; tick <= last_x; tick += x_step) {
    body += svg_text("middle", x(tick), kFrame.bottom + 18, svg_tick(tick));
  }
  double place = kFrame.left + 8;
  for (const Curve& curve : curves) {
    if (curve.points.empty()) continue;
    std::string points;
    for (const Point& point : curve.points) {
      points += (points.empty() ? "" : " ") + fixed_digits(x(point.x), 1) + "," + fixed_digits(y(point.y), 1);
    }
    body += std::string("<polyline class=\"") + curve.kind + "\" points=\"" + points + "\"><title>" +
            html_text(curve.name) + "</title></polyline>";
    body += std::string("<line class=\"") + curve.kind + "\"" + svg_attribute("x1", place) +
            svg_attribute("y1", kFrame.bottom + 36) + svg_attribute("x2", place + 22) +
            svg_attribute("y2", kFrame.bottom + 36) + "/>";
    body += svg_text("start", place + 28, kFrame.bottom + 40, curve.name);
    place += 60.0 + 7.0 * static_cast<double>(curve.name.size());
  }
  return "<h3 class=\"next\">" + html_text(name) + "</h3>" + svg_picture(1120, 292, name, body);
}

// Means of as many neighbours as make at most sixty points.
Curve smoothed(const std::vector<UpdateRecord>& updates, double UpdateRecord::*member,
               double UpdateRecord::*present, const std::string& name, const char* kind) {
  Curve curve{name, kind, {}};
  std::vector<Point> raw;
  for (const UpdateRecord& record : updates) {
    if (record.*present >= 0.0) raw.push_back({static_cast<double>(record.update), record.*member});
  }
  const size_t group = std::max<size_t>(1, (raw.size() + 59) / 60);
  for (size_t begin = 0; begin < raw.size(); begin += group) {
    const size_t end = std::min(raw.size(), begin + group);
    Point mean{0.0, 0.0};
    for (size_t i = begin; i < end; ++i) {
      mean.x += raw[i].x / static_cast<double>(end - begin);
      mean.y += raw[i].y / static_cast<double>(end - begin);
    }
    curve.points.push_back(mean);
  }
  return curve;
}

std::string percent(double share) { return fixed_digits(100.0 * share, 1) + " %"; }

const EvaluationRecord* at_update(const TrainingHistory& history, int64_t update) {
  for (const EvaluationRecord& record : history.evaluations) {
    if (record.update == update) return &record;
  }
  return nullptr;
}

std::string cell(double value) { return "<td>" + fixed_digits(value) + "</td>"; }

std::string held_out_table(const TrainingReport& report) {
  const EvaluationRecord* before = at_update(report.history, 0);
  const EvaluationRecord* after = at_update(report.history, report.outcome.best_update);
  if (before == nullptr || after == nullptr) return "";
  std::string rows;
  std::string zones;
  for (size_t i = 0; i < before->result.sets.size() && i < after->result.sets.size(); ++i) {
    const HeldOutFigures& from = before->result.sets[i];
    const HeldOutFigures& to = after->result.sets[i];
    const std::string name = "<tr><td class=\"text\">" + html_text(from.set) + "<span class=\"small soft\">" +
                             std::to_string(from.queries) + " queries</span></td>";
    rows += name + cell(from.first_stage) + cell(from.alone) + cell(to.alone) + cell(from.fused) +
            cell(to.fused) + "</tr>\n";
    for (const auto& [when, figures] : {std::pair{"before", &from}, std::pair{"after", &to}}) {
      zones += "<tr><td class=\"text\">" + html_text(from.set) + ", " + when + "</td><td>" +
               percent(figures->relevant_rate) + "</td><td>" + percent(figures->irrelevant_rate) +
               "</td><td>" + percent(figures->relevant_rate - figures->irrelevant_rate) + "</td>" +
               cell(figures->deviation_inside) + cell(figures->deviation_outside) + "</tr>\n";
    }
  }
  return "<section><h2>Held-out queries</h2><p class=\"soft\">nDCG@10 before training and after update " +
         std::to_string(report.outcome.best_update) +
         ", the one that was kept</p><div class=\"wide\"><table><tr><th>data set</th><th>first "
         "stage</th><th>alone, "
         "before</th><th>alone, after</th><th>fused, before</th><th>fused, after</th></tr>\n" +
         rows +
         "</table></div><h3 class=\"next\">Middle of the prompts</h3><p class=\"soft\">Share of the passages "
         "of the "
         "middle half that end at rank 10 or better, and the deviation of scores inside and outside "
         "it</p><div "
         "class=\"wide\"><table><tr><th>data set</th><th>relevant</th><th>not "
         "relevant</th><th>gap</th><th>inside</th><th>outside</th></tr>\n" +
         zones + "</table></div></section>\n";
}

std::string held_out_chart(const TrainingReport& report, double last) {
  constexpr const char* kKinds[] = {"curve gain", "curve even"};
  std::vector<Curve> curves;
  for (const EvaluationRecord& record : report.history.evaluations) {
    for (size_t i = 0; i < record.result.sets.size(); ++i) {
      if (curves.size() <= 2 * i + 1) {
        curves.push_back({record.result.sets[i].set + " alone", kKinds[0], {}});
        curves.push_back({record.result.sets[i].set + " fused", kKinds[1], {}});
      }
      const auto x = static_cast<double>(record.update);
      curves[2 * i].points.push_back({x, record.result.sets[i].alone});
      curves[2 * i + 1].points.push_back({x, record.result.sets[i].fused});
    }
  }
  return line_chart("nDCG@10 of held-out queries", curves, last);
}

}  // namespace

std::string training_report_html(const TrainingReport& report) {
  const std::vector<UpdateRecord>& updates = report.history.updates;
  double seconds = 0.0;
  int64_t tokens = 0;
  for (const UpdateRecord& record : updates) {
    seconds += record.seconds;
    tokens += record.tokens;
  }
  const double last = updates.empty() ? 1.0 : static_cast<double>(updates.back().update);
  std::string html = "<p class=\"soft\">" + html_text(report.model) + "</p><section><h2>Training</h2>";
  for (const std::string& line : report.data) html += "<p class=\"soft small\">" + html_text(line) + "</p>";
  html += "<div class=\"facts\">" + html_fact("updates", std::to_string(updates.size())) +
          html_fact("kept", "update " + std::to_string(report.outcome.best_update)) +
          html_fact("minutes", fixed_digits(seconds / 60.0, 1)) +
          html_fact("seconds an update",
                    fixed_digits(updates.empty() ? 0.0 : seconds / static_cast<double>(updates.size()), 2)) +
          html_fact("tokens", std::to_string(tokens)) + "</div>";
  html +=
      line_chart("Loss",
                 {smoothed(updates, &UpdateRecord::pair, &UpdateRecord::pair, "pairs (graded)", "curve gain"),
                  smoothed(updates, &UpdateRecord::divergence, &UpdateRecord::divergence,
                           "divergence from the teacher", "curve even")},
                 last);
  html += line_chart(
      "Margin of relevant passages, and rank correlation with the teacher",
      {smoothed(updates, &UpdateRecord::margin, &UpdateRecord::pair, "margin (graded)", "curve gain"),
       smoothed(updates, &UpdateRecord::rank_correlation, &UpdateRecord::divergence, "rank correlation",
                "curve even")},
      last);
  html += held_out_chart(report, last) + "</section>\n" + held_out_table(report);
  html +=
      "<section><h2>Settings</h2><div class=\"wide\"><table><tr><th>flag</th><th "
      "class=\"text\">value</th></tr>\n";
  for (const auto& [name, value] : report.settings) {
    html += "<tr><td class=\"text\">" + html_text(name) + "</td><td class=\"text\">" + html_text(value) +
            "</td></tr>\n";
  }
  html +=
      "</table></div></section><p class=\"soft small\" style=\"margin-top:20px\">The method follows HeadRank "
      "(arXiv "
      "2604.17237) as far as its abstract tells it: losses and settings are a reconstruction; training on a "
      "teacher's "
      "scores is this project's addition.</p>";
  return html_page("headwise training", "Training of attention heads", html);
}

}  // namespace headwise
