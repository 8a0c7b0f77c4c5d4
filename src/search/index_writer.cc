// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "search/index_writer.h"

#include <unordered_map>
#include <utility>

#include "base/check.h"
#include "formats/left_out_json.h"
#include "search/terms.h"

namespace headwise {
namespace {

constexpr const char* kTables =
    "PRAGMA application_id = 0x4857626d;"
    "PRAGMA cache_size = -16384;"
    "BEGIN;"
    "CREATE TABLE facts(name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;"
    "CREATE TABLE documents(number INTEGER PRIMARY KEY, id TEXT, title TEXT, text TEXT);"
    "CREATE TABLE postings(term TEXT, first INTEGER, list BLOB, PRIMARY KEY(term, first)) WITHOUT ROWID";

}  // namespace

IndexWriter::IndexWriter(Database database, Statement document, Statement posting, size_t posting_bytes)
    : database_(std::move(database)),
      add_document_(std::move(document)),
      add_posting_(std::move(posting)),
      posting_bytes_(posting_bytes) {}

Result<IndexWriter> IndexWriter::create(const std::filesystem::path& file, size_t posting_bytes) {
  auto database = Database::open(file, Database::Use::kCreate);
  HW_RETURN_IF_ERROR(database);
  HW_RETURN_IF_ERROR(database->run(kTables));
  auto document = database->prepare("INSERT INTO documents VALUES(?, ?, ?, ?)");
  HW_RETURN_IF_ERROR(document);
  auto posting = database->prepare("INSERT INTO postings VALUES(?, ?, ?)");
  HW_RETURN_IF_ERROR(posting);
  return IndexWriter(std::move(*database), std::move(*document), std::move(*posting), posting_bytes);
}

Status IndexWriter::add(const Document& document) {
  const std::vector<std::string> terms = search_terms(document.title + "\n" + document.text);
  std::unordered_map<std::string_view, uint64_t> counts;
  for (const std::string& term : terms) ++counts[term];
  const auto number = static_cast<uint64_t>(documents_);
  for (const auto& [term, count] : counts) postings_.add(term, {number, count});
  postings_.add(kLengths, {number, terms.size()});
  total_length_ += terms.size();
  add_document_.bind(1, documents_++);
  add_document_.bind_text(2, document.id);
  add_document_.bind_text(3, document.title);
  add_document_.bind_text(4, document.text);
  HW_RETURN_IF_ERROR(add_document_.run());
  return postings_.bytes() > posting_bytes_ ? write_postings() : Status{};
}

Status IndexWriter::write_postings() {
  for (const std::string_view term : postings_.sorted()) {
    const PostingLists::Entry entry = postings_.entry(term);
    add_posting_.bind_text(1, entry.term);
    add_posting_.bind(2, static_cast<int64_t>(entry.first));
    add_posting_.bind_bytes(3, entry.list);
    HW_RETURN_IF_ERROR(add_posting_.run());
  }
  postings_.clear();
  return {};
}

Status IndexWriter::write_fact(std::string_view name, std::string_view value) {
  auto insert = database_.prepare("INSERT INTO facts VALUES(?, ?)");
  HW_RETURN_IF_ERROR(insert);
  insert->bind_text(1, name);
  insert->bind_text(2, value);
  return insert->run();
}

Status IndexWriter::finish(std::string_view signature, const LeftOut& left_out) {
  if (total_length_ == 0) {
    return fail(ErrorCode::kInvalidInput, "the collection has no word that could be searched for");
  }
  HW_RETURN_IF_ERROR(write_postings());
  HW_RETURN_IF_ERROR(write_fact("version", kIndexVersion));
  HW_RETURN_IF_ERROR(write_fact("corpus", signature));
  HW_RETURN_IF_ERROR(write_fact("left out", left_out_json(left_out).dump()));
  return database_.run("COMMIT");
}

}  // namespace headwise
