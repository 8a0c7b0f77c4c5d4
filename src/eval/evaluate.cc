// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include <algorithm>
#include <numeric>

#include "eval/measures.h"
#include "headwise/dataset.h"
#include "headwise/evaluation.h"

namespace headwise {
namespace {

using Grades = std::unordered_map<std::string_view, int>;

JudgedRanking judge(const JudgedQuery& judged, const RunQuery* answers, int level) {
  JudgedRanking ranking;
  ranking.level = level;
  Grades grades;
  for (const Judgement& judgement : judged.judgements) {
    grades.emplace(judgement.id, judgement.grade);
    if (judgement.grade > 0) ranking.ideal.push_back(judgement.grade);
    if (judgement.grade >= level) ++ranking.relevant;
  }
  std::sort(ranking.ideal.begin(), ranking.ideal.end(), std::greater<>());
  if (answers == nullptr) return ranking;
  RunQuery sorted = *answers;
  sort_like_trec_eval(sorted);
  ranking.grades.reserve(sorted.entries.size());
  for (const RunEntry& entry : sorted.entries) {
    auto grade = grades.find(entry.id);
    ranking.grades.push_back(grade == grades.end() ? std::nullopt : std::optional<int>(grade->second));
  }
  return ranking;
}

}  // namespace

Result<Evaluation> evaluate(const Qrels& qrels, const Run& run, const std::vector<Measure>& measures,
                            const EvaluationOptions& options) {
  if (options.relevance_level < 1) {
    return fail(ErrorCode::kUsage,
                "the relevance level must be 1 or more, found " + std::to_string(options.relevance_level));
  }
  std::unordered_map<std::string_view, const RunQuery*> answers;
  for (const RunQuery& query : run.queries) answers.emplace(query.id, &query);

  Evaluation evaluation;
  evaluation.measures = measures;
  evaluation.values.resize(measures.size());
  IdSet judged_ids;
  for (const JudgedQuery& judged : qrels.queries) {
    judged_ids.insert(judged.id);
    auto found = answers.find(judged.id);
    if (found == answers.end()) {
      evaluation.missing.push_back(judged.id);
      if (options.only_retrieved) continue;
    }
    const JudgedRanking ranking =
        judge(judged, found == answers.end() ? nullptr : found->second, options.relevance_level);
    evaluation.query_ids.push_back(judged.id);
    for (size_t i = 0; i < measures.size(); ++i) {
      evaluation.values[i].push_back(measure_table()[measures[i].kind].value(ranking, measures[i].cut));
    }
  }
  for (const RunQuery& query : run.queries) {
    if (!judged_ids.contains(query.id)) evaluation.unjudged.push_back(query.id);
  }
  if (evaluation.missing.size() == qrels.queries.size()) {
    const std::string example = qrels.queries.empty() || run.queries.empty()
                                    ? ""
                                    : "; the judgements start with query '" + qrels.queries[0].id +
                                          "', the run with '" + run.queries[0].id + "'";
    return fail(ErrorCode::kInvalidInput, "judgements and run have no query in common" + example +
                                              ": do they belong to the same collection and split?");
  }
  for (const std::vector<double>& values : evaluation.values) {
    evaluation.means.push_back(std::accumulate(values.begin(), values.end(), 0.0) /
                               static_cast<double>(values.size()));
  }
  return evaluation;
}

}  // namespace headwise
