// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "align/data/target_file.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "base/check.h"
#include "base/file.h"
#include "formats/json_text.h"

namespace headwise {
namespace {

using Json = nlohmann::json;

tl::unexpected<Error> wrong(const std::string& expected) {
  return fail(ErrorCode::kInvalidInput,
              "expected " + expected + "; docs/formats.md#teacher-scores shows a line");
}

Result<Passage> read_passage(const Json& value) {
  const Json* text = value.is_object() ? first_member(value, {"text"}) : nullptr;
  if (text == nullptr || !text->is_string()) return wrong("passages to be objects with a text");
  Passage passage;
  passage.text = text->get<std::string>();
  if (const Json* title = first_member(value, {"title"}); title != nullptr && !title->is_null()) {
    if (!title->is_string()) return wrong("a passage's title to be a string");
    passage.title = title->get<std::string>();
  }
  return passage;
}

Result<std::vector<float>> read_scores(const Json& row, size_t passages) {
  if (!row.is_array() || row.size() != passages) {
    return wrong("a row of scores for every query, with " + std::to_string(passages) +
                 " numbers, one a passage");
  }
  std::vector<float> scores;
  for (const Json& value : row) {
    if (!value.is_number() || !std::isfinite(value.get<float>())) return wrong("scores to be finite numbers");
    scores.push_back(value.get<float>());
  }
  return scores;
}

// Empty where nothing is known of the query.
Result<std::vector<int>> read_grades(const Json& row, size_t passages) {
  constexpr int kMostGrade = 1000;
  if (!row.is_array() || (!row.empty() && row.size() != passages)) {
    return wrong("a row of grades for every query, empty or with " + std::to_string(passages) +
                 " numbers, one a passage");
  }
  std::vector<int> grades;
  for (const Json& value : row) {
    if (!value.is_number_integer() || value.get<double>() < 0 || value.get<double>() > kMostGrade) {
      return wrong("grades to be whole numbers from 0 to " + std::to_string(kMostGrade));
    }
    grades.push_back(value.get<int>());
  }
  return grades;
}

Result<TrainingBatch> read_line(std::string_view line) {
  auto json = parse_json(line);
  HW_RETURN_IF_ERROR(json);
  if (!json->is_object()) return wrong("a JSON object");
  const auto list = [&](const char* name) -> const Json* {
    const Json* found = first_member(*json, {name});
    return found != nullptr && found->is_array() && !found->empty() ? found : nullptr;
  };
  const Json* passages = list("passages");
  const Json* queries = list("queries");
  const Json* scores = list("scores");
  if (passages == nullptr || queries == nullptr || scores == nullptr) {
    return wrong("lists 'passages', 'queries' and 'scores' that are not empty");
  }
  if (passages->size() < 2) return wrong("at least two passages");
  if (scores->size() != queries->size()) return wrong("as many rows of scores as queries");
  const Json* grades = first_member(*json, {"grades"});
  if (grades != nullptr && (!grades->is_array() || grades->size() != queries->size())) {
    return wrong("as many rows of grades as queries");
  }
  TrainingBatch batch;
  if (const Json* set = first_member(*json, {"set"}); set != nullptr && set->is_string()) {
    batch.set = set->get<std::string>();
  }
  for (const Json& value : *passages) {
    auto passage = read_passage(value);
    HW_RETURN_IF_ERROR(passage);
    batch.passages.push_back(std::move(*passage));
  }
  for (size_t i = 0; i < queries->size(); ++i) {
    if (!(*queries)[i].is_string()) return wrong("queries to be strings");
    auto row = read_scores((*scores)[i], batch.passages.size());
    HW_RETURN_IF_ERROR(row);
    BatchQuery query{(*queries)[i].get<std::string>(), {}, std::move(*row)};
    if (grades != nullptr) {
      auto known = read_grades((*grades)[i], batch.passages.size());
      HW_RETURN_IF_ERROR(known);
      query.grades = std::move(*known);
    }
    batch.queries.push_back(std::move(query));
  }
  return batch;
}

}  // namespace

Result<std::vector<TrainingBatch>> parse_targets(std::string_view text) {
  std::vector<TrainingBatch> batches;
  size_t number = 0;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    auto batch = read_line(line);
    if (!batch) return fail(std::move(batch.error()).with_context("reading line " + std::to_string(number)));
    batches.push_back(std::move(*batch));
  }
  if (batches.empty()) return fail(ErrorCode::kInvalidInput, "the file holds no batch");
  return batches;
}

Result<std::vector<TrainingBatch>> read_targets(const std::filesystem::path& path) {
  auto text = read_text_file(path);
  HW_RETURN_IF_ERROR(text);
  auto batches = parse_targets(*text);
  if (!batches)
    return fail(std::move(batches.error()).with_context("reading targets '" + path.string() + "'"));
  return batches;
}

}  // namespace headwise
