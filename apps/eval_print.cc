// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "eval_print.h"

#include <algorithm>
#include <cstdio>

#include "base/digits.h"
#include "common/terminal.h"

namespace headwise {
namespace {

std::string with_sign(double value) { return (value < 0.0 ? "" : "+") + fixed_digits(value); }

std::string p_text(const std::optional<double>& p) {
  if (!p) return "-";
  return *p < 0.0001 ? "<.0001" : fixed_digits(*p);
}

double best_mean(const ComparisonTable& table, size_t measure) {
  double best = table.runs[0].evaluation.means[measure];
  for (const EvaluatedRun& run : table.runs) best = std::max(best, run.evaluation.means[measure]);
  return best;
}

// A mark takes the place of one column in every cell, so that digits stay below digits.
std::string mean_cell(const ComparisonTable& table, size_t run, size_t measure) {
  const double mean = table.runs[run].evaluation.means[measure];
  if (table.runs.size() == 1) return fixed_digits(mean);
  const PairedComparison* comparison = table.find(run, measure);
  const bool significant =
      comparison != nullptr && comparison->test.t_test_p && comparison->holm_p < kSignificanceLevel;
  const bool best = mean == best_mean(table, measure);
  const char* change = !significant ? " " : comparison->test.mean_difference > 0.0 ? "+" : "-";
  return fixed_digits(mean) + (best ? "*" : " ") + change;
}

std::string means_table(const ComparisonTable& table) {
  const char* gap = table.runs.size() == 1 ? "" : "  ";
  std::vector<TableRow> rows{{"run"}};
  for (const Measure& measure : table.measures) rows[0].push_back(measure.name + gap);
  rows[0].push_back("queries");
  for (size_t run = 0; run < table.runs.size(); ++run) {
    TableRow row{cut_to_columns(table.runs[run].name, 48)};
    for (size_t m = 0; m < table.measures.size(); ++m) row.push_back(mean_cell(table, run, m));
    row.push_back(std::to_string(table.runs[run].evaluation.query_ids.size()));
    rows.push_back(std::move(row));
  }
  return aligned_table(rows, 1);
}

std::string tests_table(const ComparisonTable& table) {
  std::vector<TableRow> rows{{"run", "measure", "difference", "95% interval", "t-test p", "Holm p",
                              "random. p", "better/equal/worse"}};
  for (const PairedComparison& item : table.comparisons) {
    const PairedTest& test = item.test;
    rows.push_back(
        {cut_to_columns(table.runs[item.run].name, 48), table.measures[item.measure].name,
         with_sign(test.mean_difference),
         test.low ? with_sign(*test.low) + " .. " + with_sign(*test.high) : "-", p_text(test.t_test_p),
         test.t_test_p ? p_text(item.holm_p) : "-", p_text(test.randomisation_p),
         std::to_string(test.wins) + "/" + std::to_string(test.ties) + "/" + std::to_string(test.losses)});
  }
  return aligned_table(rows, 2);
}

std::string per_query_table(const ComparisonTable& table) {
  std::vector<TableRow> rows{{"query", "run"}};
  for (const Measure& measure : table.measures) rows[0].push_back(measure.name);
  for (const EvaluatedRun& run : table.runs) {
    for (size_t q = 0; q < run.evaluation.query_ids.size(); ++q) {
      TableRow row{cut_to_columns(run.evaluation.query_ids[q], 48), cut_to_columns(run.name, 48)};
      for (const std::vector<double>& values : run.evaluation.values) row.push_back(fixed_digits(values[q]));
      rows.push_back(std::move(row));
    }
  }
  return aligned_table(rows, 2);
}

Json optional_number(const std::optional<double>& value) { return value ? Json(*value) : Json(nullptr); }

Json run_json(const EvaluatedRun& run, const EvalPrintOptions& options) {
  const Evaluation& evaluation = run.evaluation;
  Json value;
  value["name"] = run.name;
  value["queries"] = evaluation.query_ids.size();
  value["missing_queries"] = evaluation.missing.size();
  value["unjudged_queries"] = evaluation.unjudged.size();
  Json& means = value["means"] = Json::object();
  for (size_t m = 0; m < evaluation.measures.size(); ++m)
    means[evaluation.measures[m].name] = evaluation.means[m];
  if (!options.per_query) return value;
  Json& queries = value["per_query"] = Json::object();
  for (size_t q = 0; q < evaluation.query_ids.size(); ++q) {
    Json& one = queries[evaluation.query_ids[q]] = Json::object();
    for (size_t m = 0; m < evaluation.measures.size(); ++m) {
      one[evaluation.measures[m].name] = evaluation.values[m][q];
    }
  }
  return value;
}

Json comparison_json(const ComparisonTable& table, const PairedComparison& item) {
  const PairedTest& test = item.test;
  Json value;
  value["run"] = table.runs[item.run].name;
  value["baseline"] = table.runs[table.baseline].name;
  value["measure"] = table.measures[item.measure].name;
  value["queries"] = test.queries;
  value["mean_difference"] = test.mean_difference;
  value["interval_95"] = test.low ? Json{*test.low, *test.high} : Json(nullptr);
  value["t"] = optional_number(test.t);
  value["t_test_p"] = optional_number(test.t_test_p);
  value["holm_p"] = test.t_test_p ? Json(item.holm_p) : Json(nullptr);
  value["randomisation_p"] = test.randomisation_p;
  value["randomisation_exact"] = test.exact;
  value["better"] = test.wins;
  value["equal"] = test.ties;
  value["worse"] = test.losses;
  return value;
}

std::string zones_text(std::span<const MiddleZone> zones) {
  if (zones.empty()) return "";
  std::vector<TableRow> rows{{"run", "relevant", "not relevant", "gap", "deviation inside", "outside"}};
  const auto percent = [](double share) { return fixed_digits(100.0 * share, 1) + " %"; };
  for (const MiddleZone& zone : zones) {
    rows.push_back(
        {cut_to_columns(zone.run, 48), percent(zone.relevant_rate) + " of " + std::to_string(zone.relevant),
         percent(zone.irrelevant_rate) + " of " + std::to_string(zone.irrelevant),
         percent(zone.relevant_rate - zone.irrelevant_rate), fixed_digits(zone.deviation_inside, 3),
         fixed_digits(zone.deviation_outside, 3) + (zone.log_scores ? " (log)" : "")});
  }
  const MiddleZone& first = zones.front();
  return "\nmiddle zone: share of the passages at places " + std::to_string(first.first) + " to " +
         std::to_string(first.last) + " of " + std::to_string(first.depth) + " that end at rank " +
         std::to_string(first.top) + " or better, and the deviation of scores\n" + aligned_table(rows, 1);
}

Json zone_json(const MiddleZone& zone) {
  Json value;
  value["run"] = zone.run;
  value["depth"] = zone.depth;
  value["first"] = zone.first;
  value["last"] = zone.last;
  value["queries"] = zone.queries;
  value["relevant"] = zone.relevant;
  value["irrelevant"] = zone.irrelevant;
  value["relevant_rate"] = zone.relevant_rate;
  value["irrelevant_rate"] = zone.irrelevant_rate;
  value["log_scores"] = zone.log_scores;
  value["deviation_inside"] = zone.deviation_inside;
  value["deviation_outside"] = zone.deviation_outside;
  Json& places = value["places"] = Json::array();
  for (const PlaceFigures& place : zone.places) {
    places.push_back({{"place", place.place},
                      {"relevant", place.relevant},
                      {"ndcg@10", place.ndcg},
                      {"deviation", place.deviation}});
  }
  return value;
}

}  // namespace

std::string eval_text(const ComparisonTable& table, std::span<const MiddleZone> zones,
                      const EvalPrintOptions& options) {
  std::string text;
  if (options.per_query) text += per_query_table(table) + "\n";
  text += means_table(table);
  if (table.runs.size() < 2) return text + zones_text(zones);
  text += "* best of a column; + or - above or below '" +
          cut_to_columns(table.runs[table.baseline].name, 48) +
          "', paired t-test with Holm's correction, p < 0.05\n\n";
  return text + tests_table(table) + zones_text(zones);
}

Json eval_json(const ComparisonTable& table, std::span<const MiddleZone> zones,
               const EvalPrintOptions& options) {
  Json value;
  value["qrels"] = table.title;
  Json& measures = value["measures"] = Json::array();
  for (const Measure& measure : table.measures) measures.push_back(measure.name);
  Json& runs = value["runs"] = Json::array();
  for (const EvaluatedRun& run : table.runs) runs.push_back(run_json(run, options));
  Json& comparisons = value["comparisons"] = Json::array();
  for (const PairedComparison& item : table.comparisons) comparisons.push_back(comparison_json(table, item));
  if (zones.empty()) return value;
  Json& middle = value["middle_zone"] = Json::array();
  for (const MiddleZone& zone : zones) middle.push_back(zone_json(zone));
  return value;
}

}  // namespace headwise
