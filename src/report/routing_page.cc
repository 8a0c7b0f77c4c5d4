// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "report/routing_page.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "eval/comparison.h"
#include "report/html.h"

namespace headwise {
namespace {

bool significant(const RoutingTest& test) {
  return test.t_holm < kSignificanceLevel && test.randomisation_holm < kSignificanceLevel;
}

std::string value_cell(const RoutingEvaluation& evaluation, size_t method, size_t group, bool fused) {
  std::string cell = "<td>" + fixed_digits(evaluation.mean(method, group, fused), 3);
  const RoutingTest* test = evaluation.find(method, group, fused);
  if (test != nullptr) {
    const double difference = test->test.mean_difference;
    cell += std::string("<span class=\"small ") +
            (difference > 0   ? "up"
             : difference < 0 ? "down"
                              : "soft") +
            "\" title=\"routed minus this; t-test p " + fixed_digits(test->test.t_test_p.value_or(1.0)) +
            ", after Holm " + fixed_digits(test->t_holm) + "; randomisation p " +
            fixed_digits(test->test.randomisation_p) + ", after Holm " +
            fixed_digits(test->randomisation_holm) + "\">" + signed_digits(difference, 3) +
            (significant(*test) ? " *" : "") + "</span>";
  }
  return cell + "</td>";
}

std::string methods_table(const RoutingEvaluation& evaluation) {
  std::vector<size_t> groups(evaluation.data.size());
  std::iota(groups.begin(), groups.end(), size_t{0});
  if (groups.size() > 1) groups.push_back(evaluation.data.size());
  std::string html = "<section><h2>Methods</h2><div class=\"wide\"><table><tr><th></th>";
  for (const size_t group : groups) {
    html += "<th colspan=\"2\">" +
            html_text(group < evaluation.data.size() ? evaluation.data[group] : "all queries") + "</th>";
  }
  html += "</tr><tr><th>nDCG@10</th>";
  for (size_t i = 0; i < groups.size(); ++i) html += "<th>alone</th><th>fused</th>";
  html += "</tr>\n";
  for (size_t method = 0; method < evaluation.methods.size(); ++method) {
    const MethodValues& values = evaluation.methods[method];
    html += "<tr><td>" + html_text(values.name) +
            (values.is_oracle ? "<span class=\"tag\">not counted</span>" : "") + "</td>";
    for (const size_t group : groups) {
      html += value_cell(evaluation, method, group, false) + value_cell(evaluation, method, group, true);
    }
    html += "</tr>\n";
  }
  return html +
         "</table></div><p class=\"soft small\">Small figures: routed minus this method, blue where routing "
         "is "
         "above. * significant by the paired t-test and the randomisation test, both p &lt; .05 after Holm's "
         "correction over the column's controls. The oracle searches each query's own judgements: it fits "
         "noise as "
         "well as signal.</p></section>\n";
}

// Heads across, data sets down: the darker, the more of a data set's queries read the head.
std::string use_picture(const RoutingEvaluation& evaluation, const Router& router) {
  std::vector<size_t> order(router.pool.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return router.pool[a] < router.pool[b]; });
  std::erase_if(order, [&](size_t head) {
    return std::all_of(evaluation.overlap.use.begin(), evaluation.overlap.use.end(),
                       [&](const std::vector<double>& row) { return row[head] == 0.0; });
  });
  constexpr int kMargin = 190, kCell = 22, kAbove = 6, kNames = 46;
  const int width = kMargin + kCell * std::max<int>(static_cast<int>(order.size()), 20) + 10;
  const int height = kAbove + kCell * static_cast<int>(evaluation.data.size()) + kNames;
  std::string svg = "<svg viewBox=\"0 0 " + std::to_string(width) + " " + std::to_string(height) +
                    "\" role=\"img\" aria-label=\"which data sets read which heads\">";
  for (size_t row = 0; row < evaluation.data.size(); ++row) {
    const int y = kAbove + kCell * static_cast<int>(row);
    svg += "<text class=\"name\" text-anchor=\"end\" x=\"" + std::to_string(kMargin - 8) + "\" y=\"" +
           std::to_string(y + 15) + "\">" + html_text(evaluation.data[row]) + "</text>";
    for (size_t column = 0; column < order.size(); ++column) {
      const double share = evaluation.overlap.use[row][order[column]];
      svg += "<rect class=\"gain\" style=\"fill-opacity:" + fixed_digits(0.06 + 0.94 * share, 2) + "\" x=\"" +
             std::to_string(kMargin + kCell * static_cast<int>(column)) + "\" y=\"" + std::to_string(y) +
             "\" width=\"" + std::to_string(kCell - 2) + "\" height=\"" + std::to_string(kCell - 2) +
             "\"><title>" +
             html_text(to_string(router.pool[order[column]]) + ", " + evaluation.data[row] + ": " +
                       fixed_digits(100.0 * share, 0) + " % of the queries") +
             "</title></rect>";
    }
  }
  for (size_t column = 0; column < order.size(); ++column) {
    const int x = kMargin + kCell * static_cast<int>(column) + 14;
    const int y = height - kNames + 8;
    svg += "<text text-anchor=\"end\" transform=\"translate(" + std::to_string(x) + " " + std::to_string(y) +
           ") rotate(-60)\">" + to_string(router.pool[order[column]]) + "</text>";
  }
  return svg + "</svg>\n";
}

std::string overlap_section(const RoutingEvaluation& evaluation, const Router& router) {
  const Overlap& overlap = evaluation.overlap;
  std::string html = "<section><h2>Do the routed sets vary?</h2><p>" +
                     html_text(overlap_verdict(evaluation)) + "</p><div class=\"facts\">";
  html +=
      html_fact("distinct sets", std::to_string(overlap.distinct) + " of " + std::to_string(overlap.queries));
  html += html_fact("queries on the commonest", fixed_digits(100.0 * overlap.commonest, 1) + " %");
  html += html_fact("Jaccard within a data set", fixed_digits(overlap.within, 3));
  html += html_fact("between data sets", overlap.between ? fixed_digits(*overlap.between, 3) : "&ndash;");
  html += html_fact("entropy of head use", fixed_digits(overlap.entropy, 3));
  html += html_fact("queries on the fallback", std::to_string(overlap.fallbacks));
  return html + "</div><h3>Share of a data set's queries that read a head</h3><div class=\"wide\">" +
         use_picture(evaluation, router) + "</div></section>\n";
}

std::string depth_section(const RoutingEvaluation& evaluation, const std::optional<RoutingTimes>& times) {
  std::string html = "<section><h2>Depth and time</h2><div class=\"facts\">";
  html += html_fact("layers of the model", std::to_string(evaluation.layers));
  html += html_fact("deepest of the static set", std::to_string(evaluation.static_deepest));
  html += html_fact("deepest routed, mean", fixed_digits(evaluation.mean_deepest, 1));
  if (times) {
    html += html_fact("s a query, every layer", fixed_digits(times->full_depth, 3));
    html += html_fact("static set", fixed_digits(times->static_set, 3));
    html += html_fact("routed", fixed_digits(times->routed, 3));
    html += html_fact("routing itself", fixed_digits(1000.0 * times->routing, 1) + " ms");
  }
  html += "</div>";
  if (times) {
    html += "<p class=\"soft small\">Medians over " + std::to_string(times->queries) + " queries of " +
            html_text(times->data) +
            ", each way in turn on each query. Layers run: " + fixed_digits(times->static_layers, 1) +
            " static, " + fixed_digits(times->routed_layers, 1) + " routed, of " +
            std::to_string(evaluation.layers) + ".</p>";
  }
  return html + "</section>\n";
}

std::string router_section(const Router& router) {
  std::string data;
  for (const std::string& one : router.data) data += (data.empty() ? "" : ", ") + one;
  std::string html = "<section><h2>The router</h2><div class=\"facts\">";
  html += html_fact("pool", std::to_string(router.pool.size()) + " heads");
  html += html_fact("heads a query", std::to_string(router.fewest) + " to " + std::to_string(router.most));
  html += html_fact("threshold", fixed_digits(router.threshold, 2));
  html += html_fact("sparsity weight", fixed_digits(router.sparsity, 2));
  html += html_fact("embedding after layer", std::to_string(router.embedding_layer));
  html += html_fact("dev nDCG@10", fixed_digits(router.dev_ndcg));
  html += "</div><p class=\"soft small\">Trained on " + html_text(data) + "; " + html_text(router.encoding) +
          ", " + html_text(router.calibration) + ", seed " + std::to_string(router.seed) +
          ". RouteHead (arXiv 2604.24608) is known to us from its abstract: this is a "
          "reconstruction.</p></section>\n";
  return html;
}

}  // namespace

std::string routing_report_html(const RoutingEvaluation& evaluation, const Router& router,
                                const std::optional<RoutingTimes>& times) {
  const Verdict verdict = routing_verdict(evaluation);
  return html_page("headwise: routing report", verdict.helps ? "Routing helps" : "Routing does not help",
                   "<p>" + html_text(verdict.text) + "</p>\n" + methods_table(evaluation) +
                       overlap_section(evaluation, router) + depth_section(evaluation, times) +
                       router_section(router));
}

}  // namespace headwise
