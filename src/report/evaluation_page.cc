// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The report's page: summary, then one section for each run compared with the baseline.
#include "report/evaluation_page.h"

#include <algorithm>
#include <numeric>

namespace headwise {
namespace {

constexpr size_t kListed = 10;  // queries in each table of extremes

std::string p_value(const std::optional<double>& p) {
  if (!p) return "&ndash;";
  return *p < 0.0001 ? "&lt; .0001" : fixed_digits(*p);
}

const char* direction(double difference) { return difference > 0 ? "up" : difference < 0 ? "down" : "soft"; }

bool is_significant(const PairedComparison* item) {
  return item != nullptr && item->test.t_test_p && item->holm_p < kSignificanceLevel;
}

std::string mean_cell(const ComparisonTable& table, size_t run, size_t measure, double best) {
  const double mean = table.runs[run].evaluation.means[measure];
  std::string cell = std::string("<td") + (mean == best && table.runs.size() > 1 ? " class=\"best\"" : "") +
                     ">" + fixed_digits(mean);
  if (const PairedComparison* item = table.find(run, measure)) {
    const double difference = item->test.mean_difference;
    cell += std::string("<span class=\"small ") + direction(difference) + "\">" + signed_digits(difference) +
            (is_significant(item) ? " *" : "") + "</span>";
  }
  return cell + "</td>";
}

std::string summary(const ComparisonTable& table) {
  std::string html = "<section><h2>Means</h2><div class=\"wide\"><table><tr><th>run</th>";
  for (const Measure& measure : table.measures) html += "<th>" + html_text(measure.name) + "</th>";
  html += "<th>queries</th></tr>\n";
  for (size_t run = 0; run < table.runs.size(); ++run) {
    const bool tagged = run == table.baseline && table.runs.size() > 1;
    html += "<tr><td>" + html_text(table.runs[run].name) +
            (tagged ? "<span class=\"tag\">baseline</span>" : "") + "</td>";
    for (size_t m = 0; m < table.measures.size(); ++m) {
      double best = 0.0;
      for (const EvaluatedRun& other : table.runs) best = std::max(best, other.evaluation.means[m]);
      html += mean_cell(table, run, m, best);
    }
    html += "<td>" + std::to_string(table.runs[run].evaluation.query_ids.size()) + "</td></tr>\n";
  }
  html += "</table></div>";
  if (table.runs.size() > 1) {
    html +=
        "<p class=\"soft small\">Shaded: best of its column. Small figures: difference to the baseline. "
        "* paired t-test, p &lt; .05 after Holm's correction over the runs compared.</p>";
  }
  return html + "</section>\n";
}

std::string label_of(const std::string& id, const Queries& queries) {
  const Query* query = queries.find(id);
  return query == nullptr ? id : id + "  " + query->text;
}

// One row a query: id and text, then numbers.
std::string query_cell(const std::string& id, const Queries& queries) {
  const Query* query = queries.find(id);
  if (query == nullptr) return "<td class=\"text\">" + html_text(id) + "</td>";
  return "<td class=\"text\">" + html_text(query->text) + "<span class=\"small soft\">" + html_text(id) +
         "</span></td>";
}

std::string extremes(const PairedValues& values, const std::vector<size_t>& order, const Queries& queries,
                     const char* title, int sign) {
  std::string rows;
  size_t listed = 0;
  for (size_t i : order) {
    const double difference = values.other[i] - values.baseline[i];
    if (difference * sign <= 0.0 || listed == kListed) break;
    rows += "<tr>" + query_cell(values.query_ids[i], queries) + "<td>" + fixed_digits(values.baseline[i]) +
            "</td><td>" + fixed_digits(values.other[i]) + "</td><td class=\"" + direction(difference) +
            "\">" + signed_digits(difference) + "</td></tr>\n";
    ++listed;
  }
  if (rows.empty()) rows = "<tr><td class=\"soft\" colspan=\"4\">none</td></tr>";
  return std::string("<div class=\"wide\"><h3>") + title +
         "</h3><table><tr><th>query</th><th>baseline</th><th>run</th><th>difference</th></tr>\n" + rows +
         "</table></div>";
}

std::string compared_run(const ComparisonTable& table, const PairedComparison& item, const Queries& queries) {
  const EvaluatedRun& baseline = table.runs[table.baseline];
  const EvaluatedRun& run = table.runs[item.run];
  const PairedValues values = paired_values(baseline, run, item.measure);
  const std::string measure = table.measures[item.measure].name;
  std::vector<std::string> labels;
  std::vector<double> differences;
  for (size_t i = 0; i < values.query_ids.size(); ++i) {
    labels.push_back(label_of(values.query_ids[i], queries));
    differences.push_back(values.other[i] - values.baseline[i]);
  }
  std::vector<size_t> order(differences.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return differences[a] > differences[b]; });
  std::vector<size_t> reversed(order.rbegin(), order.rend());
  const PairedTest& test = item.test;

  std::string html = "<section><h2>" + html_text(run.name) + " against " + html_text(baseline.name) +
                     "</h2>" + "<p class=\"soft\">" + html_text(measure) +
                     ", query by query</p><div class=\"facts\">";
  html += html_fact("mean difference", std::string("<span class=\"") + direction(test.mean_difference) +
                                           "\">" + signed_digits(test.mean_difference) + "</span>");
  if (test.low)
    html += html_fact("95 % interval", signed_digits(*test.low) + " to " + signed_digits(*test.high));
  html += html_fact("t-test p", p_value(test.t_test_p));
  html += html_fact("after Holm", test.t_test_p ? p_value(item.holm_p) : "&ndash;");
  html += html_fact("randomisation p", p_value(test.randomisation_p));
  html += html_fact("better / equal / worse", std::to_string(test.wins) + " / " + std::to_string(test.ties) +
                                                  " / " + std::to_string(test.losses));
  html += "</div><div class=\"pair\"><div>" +
          scatter_svg({baseline.name, run.name, values.baseline, values.other, labels}) + "</div><div>" +
          difference_svg(differences, labels) + "</div></div><div class=\"pair same\">";
  html += extremes(values, order, queries, "Largest gains", 1);
  html += extremes(values, reversed, queries, "Largest losses", -1);
  return html + "</div></section>\n";
}

std::string single_run(const ComparisonTable& table, const Queries& queries) {
  const Evaluation& evaluation = table.runs[0].evaluation;
  const std::vector<double>& values = evaluation.values[0];
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return values[a] < values[b]; });
  std::string rows;
  for (size_t place = 0; place < std::min(order.size(), kListed); ++place) {
    rows += "<tr>" + query_cell(evaluation.query_ids[order[place]], queries) + "<td>" +
            fixed_digits(values[order[place]]) + "</td></tr>\n";
  }
  const std::string measure = html_text(table.measures[0].name);
  return "<section><h2>" + measure + ", query by query</h2><div class=\"pair same\"><div>" +
         histogram_svg(values) +
         "</div><div class=\"wide\"><h3>Lowest values</h3><table><tr><th>query</th><th>" + measure +
         "</th></tr>\n" + rows + "</table></div></div></section>\n";
}

}  // namespace

std::string report_html(const ComparisonTable& table, const Queries& queries,
                        std::span<const MiddleZone> zones) {
  const EvaluatedRun& baseline = table.runs[table.baseline];
  std::string html = "<p class=\"soft\">" + html_text(table.title) + " &middot; " +
                     std::to_string(baseline.evaluation.query_ids.size()) + " queries &middot; " +
                     std::to_string(table.runs.size()) + (table.runs.size() == 1 ? " run" : " runs") +
                     "</p>\n";
  html += summary(table);
  for (const PairedComparison& item : table.comparisons) {
    if (item.measure == 0) html += compared_run(table, item, queries);
  }
  if (table.runs.size() == 1) html += single_run(table, queries);
  html += middle_zone_html(zones);
  html +=
      "<p class=\"soft small\" style=\"margin-top:20px\">Measures as trec_eval computes them: ties in score "
      "go to the "
      "larger document id; ndcg takes grades as gains. Interval and t-test: Student, paired. Randomisation: "
      "signs of the "
      "differences flipped at random, two-sided. Point at a mark to see its "
      "query.</p>";
  return html_page("headwise evaluation: " + table.title, "Evaluation", html);
}

}  // namespace headwise
