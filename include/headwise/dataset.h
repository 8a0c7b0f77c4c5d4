// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the texts behind the ids: documents, queries, BEIR folders, passage files, and candidate
// files that carry their own texts (RankLLM, ICR, QRHead).
//
//   auto run = headwise::read_run("dl19/run.bm25.trec");
//   auto data = headwise::read_beir("dl19", {.split = "test", .documents = headwise::document_ids(*run)});
//   const headwise::Document* passage = data->documents.find("7187158");
//
// Thread rule: plain values and free functions without state.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "headwise/error.h"
#include "headwise/qrels.h"
#include "headwise/run.h"

namespace headwise {

struct Document {
  std::string id;
  std::string title;  // may be empty
  std::string text;
};

struct Query {
  std::string id;
  std::string text;
};

struct IdHash {
  using is_transparent = void;
  size_t operator()(std::string_view id) const { return std::hash<std::string_view>{}(id); }
};
using IdSet = std::unordered_set<std::string, IdHash, std::equal_to<>>;
template <typename T>
using IdMap = std::unordered_map<std::string, T, IdHash, std::equal_to<>>;

// Things with an `id`, in the order they were added and found by id.
template <typename T>
class ById {
 public:
  // False, and nothing is added, when the id is there already.
  bool add(T item) {
    if (!places_.emplace(item.id, items_.size()).second) return false;
    items_.push_back(std::move(item));
    return true;
  }
  // Null when there is none; valid until the next add().
  const T* find(std::string_view id) const {
    auto place = places_.find(id);
    return place == places_.end() ? nullptr : &items_[place->second];
  }
  const std::vector<T>& items() const { return items_; }
  size_t size() const { return items_.size(); }

 private:
  std::vector<T> items_;
  IdMap<size_t> places_;
};
using Documents = ById<Document>;
using Queries = ById<Query>;

// What the writers of run.h may add to ids; null: unknown.
struct RunTexts {
  const Queries* queries = nullptr;
  const Documents* documents = nullptr;
};

struct Dataset {
  Queries queries;
  Documents documents;
  Qrels qrels;  // empty when none were asked for
};

struct BeirOptions {
  std::string split = "test";           // qrels/SPLIT.tsv; empty: read no judgements
  std::optional<IdSet> documents = {};  // keep these alone (collections can be large); nothing: all of them
  std::optional<IdSet> queries = {};    // likewise; each id asked for must be there
};

// The ids that a run names, for BeirOptions.
IdSet document_ids(const Run& run);
IdSet query_ids(const Run& run);

// Reads corpus.jsonl, queries.jsonl and qrels/SPLIT.tsv of a BEIR folder. kNotFound for a missing file,
// kInvalidInput, naming file and line, for a malformed line or an id given twice, and for ids asked for that
// the collection lacks. Of a corpus line that is not asked for only the id is looked at.
Result<Dataset> read_beir(const std::filesystem::path& folder, const BeirOptions& options);

// queries.jsonl, or "id <tab> text" lines as MS MARCO has them, told apart by content.
Result<Queries> read_queries(const std::filesystem::path& path, const std::optional<IdSet>& wanted = {});
// corpus.jsonl, or "id <tab> text" lines. Ids that are wanted and not there: an error, or left out.
enum class Missing { kError, kLeaveOut };
Result<Documents> read_documents(const std::filesystem::path& path, const std::optional<IdSet>& wanted = {},
                                 Missing missing = Missing::kError);

// Passages for one query: one a line (the id is the line's number; blank lines are left out), JSONL or a JSON
// array of objects with `text` or `contents`, and optionally `_id`, `id` or `docid`, and `title`; or an array
// of strings. The ending of the name decides (.txt, .jsonl, .json), else the content. "-" is standard input.
Result<Documents> read_passages(const std::filesystem::path& path);
Result<Documents> parse_passages(std::string_view text, std::string_view source);

// A candidate file that carries its own texts: RankLLM requests, or ICR and QRHead files, whose
// "is_supporting" and "gt_docs" marks become judgements of grade 1. The ids of an ICR file may start from 0
// again with every query, so each query has its own documents.
struct CandidateFile {
  Run run;
  Queries queries;
  std::vector<Documents> documents;  // documents[i] belongs to run.queries[i]
  Qrels qrels;                       // empty when the file has no marks
};
Result<CandidateFile> read_candidates(const std::filesystem::path& path);
Result<CandidateFile> parse_candidates(std::string_view text, std::string_view source);

}  // namespace headwise
