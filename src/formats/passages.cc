// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Files that bring the texts to re-rank with them: passages for one query, and candidate files for many.
#include <algorithm>

#include "base/check.h"
#include "base/file.h"
#include "formats/candidate_json.h"
#include "formats/record_names.h"
#include "formats/run_builder.h"
#include "formats/text_lines.h"
#include "headwise/dataset.h"

namespace headwise {
namespace {

using nlohmann::json;

enum class PassageLayout { kLines, kJson };

PassageLayout layout_of(std::string_view text, std::string_view source) {
  const std::string ending = std::filesystem::path(source).extension().string();
  if (ending == ".txt") return PassageLayout::kLines;
  if (ending == ".json" || ending == ".jsonl" || ending == ".ndjson") return PassageLayout::kJson;
  const size_t start = text.find_first_not_of(" \t\r\n");
  if (start == std::string_view::npos) return PassageLayout::kLines;
  if (text[start] == '{') return PassageLayout::kJson;
  if (text[start] != '[') return PassageLayout::kLines;
  // "[1] some text" is a passage, '[{"text": ...' and '["some text"' are JSON.
  const size_t inside = text.find_first_not_of(" \t\r\n", start + 1);
  const bool list = inside != std::string_view::npos && (text[inside] == '{' || text[inside] == '"');
  return list ? PassageLayout::kJson : PassageLayout::kLines;
}

Result<Document> passage_of(const json& value, const JsonPlace& place) {
  Document passage{std::to_string(place.number), {}, {}};
  if (value.is_string()) {
    passage.text = value.get<std::string>();
    return passage;
  }
  const json* text = record_member(value, RecordMember::kText);
  const json* title = record_member(value, RecordMember::kTitle);
  if (!has_text_member(value) && title == nullptr) {
    return place.fail("expected text, or an object with " + names_of(RecordMember::kText) +
                      ", and optionally '_id' or 'id' and 'title'");
  }
  for (const json* part : {text, title}) {
    if (part != nullptr && !part->is_string()) return place.fail("text and title must be strings");
  }
  if (text != nullptr) passage.text = text->get<std::string>();
  if (title != nullptr) passage.title = title->get<std::string>();
  if (const json* id = record_member(value, RecordMember::kId)) {
    std::optional<std::string> name = id_text(*id);
    if (!name || name->empty()) return place.fail("the id is neither a string nor a whole number, or empty");
    passage.id = std::move(*name);
  }
  return passage;
}

Result<Documents> parse_json_passages(std::string_view text, std::string_view source) {
  Documents passages;
  std::vector<size_t> places;
  Status read = for_each_json(text, source, [&](const json& value, const JsonPlace& place) -> Status {
    Result<Document> passage = passage_of(value, place);
    HW_RETURN_IF_ERROR(passage);
    const std::string id = passage->id;
    places.push_back(place.number);
    if (passages.add(std::move(*passage))) return {};
    const size_t before = static_cast<size_t>(passages.find(id) - passages.items().data());
    return place.fail("id " + in_quotes(id) + " is given twice, first on " +
                      (place.is_line ? "line " : "item ") + std::to_string(places[before]));
  });
  HW_RETURN_IF_ERROR(read);
  return passages;
}

Result<Documents> parse_passage_lines(std::string_view text, std::string_view source) {
  Documents passages;
  LineReader lines(text);
  while (std::optional<TextLine> line = lines.next_filled()) {
    HW_RETURN_IF_ERROR(require_utf8(source, *line));
    passages.add({std::to_string(line->number), {}, std::string(line->text)});
  }
  return passages;
}

}  // namespace

Result<Documents> parse_passages(std::string_view text, std::string_view source) {
  Result<Documents> passages = layout_of(text, source) == PassageLayout::kJson
                                   ? parse_json_passages(text, source)
                                   : parse_passage_lines(text, source);
  if (passages && passages->size() == 0) {
    return fail(ErrorCode::kInvalidInput,
                std::string(source) + ": holds no passages: expected one a line, JSONL or a JSON array");
  }
  return passages;
}

Result<Documents> read_passages(const std::filesystem::path& path) {
  Result<std::string> text = read_text_file(path);
  HW_RETURN_IF_ERROR(text);
  return parse_passages(*text, path.string());
}

Result<CandidateFile> parse_candidates(std::string_view text, std::string_view source) {
  CandidateFile file;
  RunBuilder builder(source);
  Status read = for_each_json(text, source, [&](const json& value, const JsonPlace& place) -> Status {
    Result<CandidateRequest> request = read_request(value, place);
    HW_RETURN_IF_ERROR(request);
    Result<std::vector<double>> scores = hit_scores(*request, place);
    HW_RETURN_IF_ERROR(scores);
    if (!request->query_text) return place.fail("query " + in_quotes(request->query_id) + " has no text");
    if (!file.queries.add({request->query_id, *request->query_text})) {
      return place.fail("query " + in_quotes(request->query_id) + " is given twice");
    }
    Documents documents;
    JudgedQuery judged{request->query_id, {}};
    for (size_t i = 0; i < request->hits.size(); ++i) {
      CandidateHit& hit = request->hits[i];
      HW_RETURN_IF_ERROR(builder.add(request->query_id, hit.id, (*scores)[i], place.number));
      judged.judgements.push_back({hit.id, hit.relevant ? 1 : 0});
      if (!hit.text && hit.title.empty())
        return place.fail("candidate " + in_quotes(hit.id) + " has no text");
      // A document given twice is found by the builder, which knows where.
      documents.add({hit.id, std::move(hit.title), std::move(hit.text).value_or("")});
    }
    if (!request->hits.empty()) file.documents.push_back(std::move(documents));
    if (request->judged) file.qrels.queries.push_back(std::move(judged));
    return {};
  });
  HW_RETURN_IF_ERROR(read);
  Result<Run> run = builder.finish({});
  HW_RETURN_IF_ERROR(run);
  file.run = std::move(*run);
  return file;
}

Result<CandidateFile> read_candidates(const std::filesystem::path& path) {
  Result<std::string> text = read_text_file(path);
  HW_RETURN_IF_ERROR(text);
  return parse_candidates(*text, path.string());
}

}  // namespace headwise
