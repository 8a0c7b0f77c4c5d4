// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Collections: BEIR folders, and their corpus and query files by themselves, which may also be MS MARCO's
// "id <tab> text" tables.
#include "formats/beir.h"

#include <algorithm>

#include "base/check.h"
#include "base/file.h"
#include "formats/json_record.h"
#include "formats/record_names.h"
#include "formats/text_lines.h"
#include "headwise/dataset.h"

namespace headwise {
namespace {

// Any record: a query is a document without a title.
struct Record {
  std::string id;
  std::string title;
  std::string text;
};

Result<std::optional<Record>> parse_tab_record(const TextLine& line, std::string_view source,
                                               const std::optional<IdSet>& wanted) {
  const size_t tab = line.text.find('\t');
  if (tab == std::string_view::npos || tab == 0) {
    return fail_at_line(source, line.number,
                        "expected a JSON object or an id, a tab and a text, found " + in_quotes(line.text));
  }
  Record record{std::string(line.text.substr(0, tab)), {}, std::string(line.text.substr(tab + 1))};
  if (wanted && !wanted->contains(record.id)) return std::nullopt;
  HW_RETURN_IF_ERROR(require_utf8(source, line));
  return std::optional<Record>(std::move(record));
}

Result<std::optional<Record>> parse_json_line(const TextLine& line, std::string_view source,
                                              const std::optional<IdSet>& wanted) {
  Result<std::optional<JsonRecord>> parsed = parse_json_record(line.text, wanted);
  if (!parsed) return fail_at_line(source, line.number, parsed.error().message());
  if (!*parsed) return std::nullopt;
  JsonRecord& found = **parsed;
  if (!found.id || found.id->empty()) {
    return fail_at_line(source, line.number,
                        "expected an id under " + names_of(RecordMember::kId) + ", found none");
  }
  if (!found.text && found.title.empty()) {
    return fail_at_line(source, line.number,
                        "record " + in_quotes(*found.id) + " has no " + names_of(RecordMember::kText));
  }
  return std::optional<Record>(
      Record{std::move(*found.id), std::move(found.title), std::move(found.text).value_or("")});
}

std::string some_of(const std::vector<std::string_view>& ids) {
  std::string shown;
  for (size_t i = 0; i < ids.size() && i < 3; ++i) shown += (i > 0 ? ", " : "") + in_quotes(ids[i]);
  return ids.size() > 3 ? shown + ", ..." : shown;
}

template <typename Item>
Status require_all(const ById<Item>& items, const std::optional<IdSet>& wanted, std::string_view source,
                   std::string_view what) {
  if (!wanted) return {};
  std::vector<std::string_view> missing;
  for (const std::string& id : *wanted) {
    if (items.find(id) == nullptr) missing.push_back(id);
  }
  if (missing.empty()) return {};
  std::sort(missing.begin(), missing.end());
  return fail(ErrorCode::kInvalidInput, std::string(source) + " lacks " + std::to_string(missing.size()) +
                                            " of the " + std::to_string(wanted->size()) + " " +
                                            std::string(what) + " asked for: " + some_of(missing));
}

// Pages of a mapping that were read are given back in pieces of this size.
constexpr size_t kReadBytes = size_t{16} << 20;

// Maps the file, for a corpus may be larger than memory, and hands on the records that are wanted.
using UseRecord = std::function<Status(Record)>;
Status for_each_record(const std::filesystem::path& path, const std::optional<IdSet>& wanted,
                       std::string_view what, const UseRecord& use) {
  Result<MappedFile> file = MappedFile::open(path);
  HW_RETURN_IF_ERROR(file);
  const std::string source = path.string();
  const std::string_view text(reinterpret_cast<const char*>(file->bytes().data()), file->bytes().size());
  HW_RETURN_IF_ERROR(require_plain_text(text, source));
  LineReader lines(text);
  IdMap<size_t> seen;
  bool any = false;
  size_t released = 0;
  while (std::optional<TextLine> line = lines.next_filled()) {
    any = true;
    const bool json = line->text[line->text.find_first_not_of(" \t")] == '{';
    Result<std::optional<Record>> record =
        json ? parse_json_line(*line, source, wanted) : parse_tab_record(*line, source, wanted);
    HW_RETURN_IF_ERROR(record);
    if (!*record) continue;
    auto [before, fresh] = seen.emplace((*record)->id, line->number);
    if (!fresh) {
      return fail_at_line(source, line->number,
                          "id " + in_quotes((*record)->id) + " is given twice, first on line " +
                              std::to_string(before->second));
    }
    HW_RETURN_IF_ERROR(use(std::move(**record)));
    const auto read = static_cast<size_t>(line->text.data() - text.data());
    if (read > released + kReadBytes) {
      release_pages(file->bytes().data() + released, read - released);
      released = read;
    }
  }
  if (any) return {};
  return fail(ErrorCode::kInvalidInput, source + " is empty: expected one " + std::string(what) + " a line");
}

template <typename Item, typename Make>
Result<ById<Item>> read_records(const std::filesystem::path& path, const std::optional<IdSet>& wanted,
                                Missing missing, std::string_view what, std::string_view plural,
                                const Make& make) {
  ById<Item> items;
  HW_RETURN_IF_ERROR(for_each_record(path, wanted, what, [&](Record record) -> Status {
    items.add(make(std::move(record)));
    return {};
  }));
  if (missing == Missing::kError) {
    HW_RETURN_IF_ERROR(require_all(items, wanted, path.string(), plural));
  }
  return items;
}

Document document_of(Record record) {
  return {.id = std::move(record.id), .title = std::move(record.title), .text = std::move(record.text)};
}

Status require_file(const std::filesystem::path& path, std::string_view what) {
  std::error_code ignored;
  if (std::filesystem::exists(path, ignored)) return {};
  std::filesystem::path packed = path;
  packed += ".gz";
  std::string hint =
      std::filesystem::exists(packed, ignored) ? "; unpack '" + packed.string() + "' first" : "";
  return fail(ErrorCode::kNotFound, "'" + path.string() + "' is not there: expected a BEIR folder with " +
                                        std::string(what) + hint);
}

}  // namespace

Result<Queries> read_queries(const std::filesystem::path& path, const std::optional<IdSet>& wanted) {
  return read_records<Query>(path, wanted, Missing::kError, "query", "queries", [](Record record) {
    return Query{std::move(record.id), std::move(record.text)};
  });
}

Result<Documents> read_documents(const std::filesystem::path& path, const std::optional<IdSet>& wanted,
                                 Missing missing) {
  return read_records<Document>(path, wanted, missing, "document", "documents", &document_of);
}

Status for_each_line_document(const std::filesystem::path& path,
                              const std::function<Status(const Document&)>& use) {
  return for_each_record(path, std::nullopt, "document",
                         [&](Record record) { return use(document_of(std::move(record))); });
}

Result<Dataset> read_beir(const std::filesystem::path& folder, const BeirOptions& options) {
  const std::filesystem::path corpus = folder / "corpus.jsonl", queries = folder / "queries.jsonl";
  const std::filesystem::path judgements = folder / "qrels" / (options.split + ".tsv");
  HW_RETURN_IF_ERROR(require_file(corpus, "corpus.jsonl"));
  HW_RETURN_IF_ERROR(require_file(queries, "queries.jsonl"));
  Dataset data;
  if (!options.split.empty()) {
    HW_RETURN_IF_ERROR(require_file(judgements, "qrels/SPLIT.tsv"));
    Result<Qrels> qrels = read_qrels(judgements);
    HW_RETURN_IF_ERROR(qrels);
    data.qrels = std::move(*qrels);
  }
  Result<Queries> found_queries = read_queries(queries, options.queries);
  HW_RETURN_IF_ERROR(found_queries);
  data.queries = std::move(*found_queries);
  Result<Documents> found_documents = read_documents(corpus, options.documents);
  HW_RETURN_IF_ERROR(found_documents);
  data.documents = std::move(*found_documents);
  return data;
}

IdSet document_ids(const Run& run) {
  IdSet ids;
  for (const RunQuery& query : run.queries) {
    for (const RunEntry& entry : query.entries) ids.insert(entry.id);
  }
  return ids;
}

IdSet query_ids(const Run& run) {
  IdSet ids;
  for (const RunQuery& query : run.queries) ids.insert(query.id);
  return ids;
}

}  // namespace headwise
