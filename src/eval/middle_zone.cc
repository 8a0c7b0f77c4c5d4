// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "eval/middle_zone.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <optional>
#include <unordered_map>
#include <utility>

#include "base/check.h"
#include "headwise/evaluation.h"

namespace headwise {
namespace {

struct PlacedAnswer {
  int place = 0;  // from 1
  int rank = 0;
  int grade = 0;
  double score = 0.0;
};

// One query's answers that have a place in its prompt.
std::vector<PlacedAnswer> placed_answers(const RunQuery& answers, const RunQuery& prompt,
                                         const JudgedQuery& judged, int depth, bool reversed) {
  std::unordered_map<std::string, int> grades;
  for (const Judgement& judgement : judged.judgements) grades[judgement.id] = judgement.grade;
  std::unordered_map<std::string, int> places;
  const size_t count =
      depth > 0 ? std::min(prompt.entries.size(), static_cast<size_t>(depth)) : prompt.entries.size();
  for (size_t i = 0; i < count; ++i) {
    places[prompt.entries[i].id] = static_cast<int>(reversed ? count - i : i + 1);
  }
  std::vector<PlacedAnswer> placed;
  for (const RunEntry& entry : answers.entries) {
    const auto place = places.find(entry.id);
    if (place == places.end()) continue;
    const auto grade = grades.find(entry.id);
    placed.push_back({place->second, static_cast<int>(placed.size()) + 1,
                      grade == grades.end() ? 0 : grade->second, entry.score});
  }
  return placed;
}

double deviation(const std::vector<double>& values) {
  if (values.size() < 2) return 0.0;
  const auto n = static_cast<double>(values.size());
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / n;
  double squares = 0.0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  return std::sqrt(squares / (n - 1.0));
}

double share(int part, int whole) { return whole == 0 ? 0.0 : static_cast<double>(part) / whole; }

struct QueryAnswers {
  std::string id;
  std::vector<PlacedAnswer> answers;
};

// nDCG@10 of each judged query.
Result<std::map<std::string, double>> ndcg_of(const Run& run, const Qrels& qrels) {
  const auto measures = parse_measures("ndcg@10");
  HW_RETURN_IF_ERROR(measures);
  const auto evaluation = evaluate(qrels, run, *measures, {});
  if (!evaluation) return fail(evaluation.error());
  std::map<std::string, double> values;
  for (size_t i = 0; i < evaluation->query_ids.size(); ++i) {
    values[evaluation->query_ids[i]] = evaluation->values.front()[i];
  }
  return values;
}

// What deviations are of.
double compared_score(const PlacedAnswer& answer, const MiddleZone& zone) {
  return zone.log_scores ? std::log(answer.score) : answer.score;
}

// Deviations inside and outside the zone, means over queries that have two scores there.
void add_deviations(const std::vector<QueryAnswers>& queries, MiddleZone& zone) {
  zone.log_scores = true;
  for (const QueryAnswers& query : queries) {
    for (const PlacedAnswer& answer : query.answers) zone.log_scores = zone.log_scores && answer.score > 0.0;
  }
  std::vector<double> inside;
  std::vector<double> outside;
  for (const QueryAnswers& query : queries) {
    std::vector<double> middle;
    std::vector<double> others;
    for (const PlacedAnswer& answer : query.answers) {
      (answer.place >= zone.first && answer.place <= zone.last ? middle : others)
          .push_back(compared_score(answer, zone));
    }
    if (middle.size() > 1) inside.push_back(deviation(middle));
    if (others.size() > 1) outside.push_back(deviation(others));
  }
  const auto mean = [](const std::vector<double>& values) {
    return values.empty()
               ? 0.0
               : std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
  };
  zone.deviation_inside = mean(inside);
  zone.deviation_outside = mean(outside);
}

void add_places(const std::vector<QueryAnswers>& queries, const std::map<std::string, double>& ndcg,
                MiddleZone& zone) {
  for (int place = 1; place <= zone.depth; ++place) {
    PlaceFigures figures{.place = place};
    std::vector<double> scores;
    for (const QueryAnswers& query : queries) {
      double mean = 0.0;
      for (const PlacedAnswer& answer : query.answers) {
        mean += compared_score(answer, zone) / static_cast<double>(query.answers.size());
      }
      for (const PlacedAnswer& answer : query.answers) {
        if (answer.place != place) continue;
        scores.push_back(compared_score(answer, zone) - mean);
        if (answer.grade < 1) continue;
        ++figures.relevant;
        figures.ndcg += ndcg.at(query.id);
      }
    }
    figures.ndcg = figures.relevant == 0 ? 0.0 : figures.ndcg / figures.relevant;
    figures.deviation = deviation(scores);
    zone.places.push_back(figures);
  }
}

}  // namespace

ZonePlaces middle_places(int candidates) { return {candidates / 4 + 1, candidates - candidates / 4}; }

Result<MiddleZone> middle_zone_figures(const Run& run, const Run& prompts, const Qrels& qrels, int depth,
                                       bool reversed) {
  std::unordered_map<std::string, const RunQuery*> answers;
  std::unordered_map<std::string, const RunQuery*> prompt_of;
  for (const RunQuery& query : run.queries) answers[query.id] = &query;
  for (const RunQuery& query : prompts.queries) prompt_of[query.id] = &query;
  MiddleZone zone;
  std::vector<QueryAnswers> queries;
  for (const JudgedQuery& judged : qrels.queries) {
    const auto found = answers.find(judged.id);
    const auto prompt = prompt_of.find(judged.id);
    if (found == answers.end() || prompt == prompt_of.end()) continue;
    QueryAnswers query{judged.id, placed_answers(*found->second, *prompt->second, judged, depth, reversed)};
    for (const PlacedAnswer& answer : query.answers) zone.depth = std::max(zone.depth, answer.place);
    if (!query.answers.empty()) queries.push_back(std::move(query));
  }
  if (queries.empty()) {
    return fail(ErrorCode::kInvalidInput,
                "no judged query has answers in this run that the run of --middle-zone has too");
  }
  auto ndcg = ndcg_of(run, qrels);
  HW_RETURN_IF_ERROR(ndcg);
  zone.queries = static_cast<int>(queries.size());
  const ZonePlaces places = middle_places(zone.depth);
  zone.first = places.first;
  zone.last = places.last;
  int relevant_up = 0;
  int irrelevant_up = 0;
  for (const QueryAnswers& query : queries) {
    for (const PlacedAnswer& answer : query.answers) {
      if (answer.place < zone.first || answer.place > zone.last) continue;
      const bool relevant = answer.grade >= 1;
      const int up = answer.rank <= zone.top ? 1 : 0;
      (relevant ? zone.relevant : zone.irrelevant) += 1;
      (relevant ? relevant_up : irrelevant_up) += up;
    }
  }
  zone.relevant_rate = share(relevant_up, zone.relevant);
  zone.irrelevant_rate = share(irrelevant_up, zone.irrelevant);
  add_deviations(queries, zone);
  add_places(queries, *ndcg, zone);
  return zone;
}

}  // namespace headwise
