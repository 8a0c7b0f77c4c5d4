// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Readers of runs: columns (TREC, MS MARCO) here, JSON through candidate_json. Which one is decided by the
// first line.
#include <algorithm>

#include "base/check.h"
#include "base/file.h"
#include "formats/candidate_json.h"
#include "formats/run_builder.h"
#include "formats/text_lines.h"
#include "headwise/run.h"

namespace headwise {
namespace {

using nlohmann::json;

std::string columns_found(size_t count, std::string_view line) {
  return ", found " + std::to_string(count) + " in " + in_quotes(line);
}

// trec_eval's format: query, iteration, document, rank, score, run name; the rank is not used.
Result<Run> parse_trec(std::string_view text, std::string_view source) {
  RunBuilder builder(source);
  LineReader lines(text);
  std::string name;
  bool first = true;
  while (std::optional<TextLine> line = lines.next_filled()) {
    std::vector<std::string_view> columns = split_blanks(line->text);
    if (columns.size() != 6) {
      return fail_at_line(source, line->number,
                          "expected the 6 columns of a TREC run (query Q0 document rank score name)" +
                              columns_found(columns.size(), line->text));
    }
    std::optional<double> score = parse_number(columns[4]);
    if (!score) {
      return fail_at_line(source, line->number,
                          "expected a number as score in column 5, found " + in_quotes(columns[4]));
    }
    HW_RETURN_IF_ERROR(builder.add(columns[0], columns[2], *score, line->number));
    if (first) name = columns[5];
    first = false;
  }
  return builder.finish(std::move(name));
}

Result<Run> parse_msmarco(std::string_view text, std::string_view source) {
  RunBuilder builder(source);
  LineReader lines(text);
  while (std::optional<TextLine> line = lines.next_filled()) {
    std::vector<std::string_view> columns = split_blanks(line->text);
    if (columns.size() != 3) {
      return fail_at_line(source, line->number,
                          "expected the 3 columns of an MS MARCO run (query, document, rank)" +
                              columns_found(columns.size(), line->text));
    }
    std::optional<int64_t> rank = parse_integer(columns[2]);
    if (!rank || *rank < 1) {
      return fail_at_line(source, line->number,
                          "expected a rank of 1 or more in column 3, found " + in_quotes(columns[2]));
    }
    HW_RETURN_IF_ERROR(builder.add(columns[0], columns[1], 1.0 / static_cast<double>(*rank), line->number));
  }
  return builder.finish({});
}

// {"query": {"document": score}}, as pytrec_eval and BEIR hand runs around.
Status add_score_table(const json& table, const JsonPlace& place, RunBuilder& builder) {
  for (const auto& [query, documents] : table.items()) {
    if (!documents.is_object()) {
      return place.fail(
          "expected a run: an object with candidates, paragraphs or results, or {query: {document: score}}");
    }
    for (const auto& [document, score] : documents.items()) {
      if (!score.is_number()) {
        return place.fail("the score of document " + in_quotes(document) + " for query " + in_quotes(query) +
                          " is not a number");
      }
      HW_RETURN_IF_ERROR(builder.add(query, document, score.get<double>(), place.number));
    }
  }
  return {};
}

Result<Run> parse_json_run(std::string_view text, std::string_view source) {
  RunBuilder builder(source);
  Status read = for_each_json(text, source, [&](const json& value, const JsonPlace& place) -> Status {
    if (!value.is_object()) return place.fail("expected a JSON object");
    if (!is_request(value)) return add_score_table(value, place, builder);
    Result<CandidateRequest> request = read_request(value, place);
    HW_RETURN_IF_ERROR(request);
    Result<std::vector<double>> scores = hit_scores(*request, place);
    HW_RETURN_IF_ERROR(scores);
    for (size_t i = 0; i < scores->size(); ++i) {
      HW_RETURN_IF_ERROR(builder.add(request->query_id, request->hits[i].id, (*scores)[i], place.number));
    }
    return {};
  });
  HW_RETURN_IF_ERROR(read);
  return builder.finish({});
}

}  // namespace

const RunQuery* Run::find(std::string_view query_id) const {
  auto found = std::find_if(queries.begin(), queries.end(),
                            [&](const RunQuery& query) { return query.id == query_id; });
  return found == queries.end() ? nullptr : &*found;
}

Result<Run> parse_run(std::string_view text, std::string_view source) {
  std::optional<TextLine> first = LineReader(text).next_filled();
  if (!first) return RunBuilder(source).finish({});
  const char start = first->text[first->text.find_first_not_of(" \t\v\f\r")];
  if (start == '{' || start == '[') return parse_json_run(text, source);
  const size_t columns = split_blanks(first->text).size();
  if (columns == 6) return parse_trec(text, source);
  if (columns == 3) return parse_msmarco(text, source);
  std::string_view hint = columns == 4 ? "; 4 columns look like judgements (qrels), not a run" : "";
  return fail_at_line(source, first->number,
                      "expected a run: 6 columns (TREC), 3 columns (MS MARCO) or JSON" +
                          columns_found(columns, first->text) + std::string(hint));
}

Result<Run> read_run(const std::filesystem::path& path) {
  Result<std::string> text = read_text_file(path);
  HW_RETURN_IF_ERROR(text);
  return parse_run(*text, path.string());
}

}  // namespace headwise
