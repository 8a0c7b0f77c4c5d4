// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "search/index.h"

#include <unistd.h>
#include <xapian.h>

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include "base/check.h"
#include "base/fingerprint.h"
#include "formats/corpus.h"
#include "headwise/home.h"
#include "search/bm25.h"
#include "search/terms.h"
#include "search/word_frequencies.h"

namespace headwise {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr double kK1 = 0.9, kB = 0.4;
// Another way of making terms makes another index.
constexpr const char* kVersion = "headwise BM25 index 2: UAX #29 words, Porter stems, 33 English stop words";
constexpr const char* kVersionKey = "headwise";
constexpr const char* kSignatureKey = "corpus";

tl::unexpected<Error> failure(const Xapian::Error& error, const fs::path& file) {
  return fail(ErrorCode::kIo,
              "index '" + file.string() + "': " + error.get_msg() + "; delete it and it is built again");
}

bool may_write_in(const fs::path& folder) {
  return ::access(folder.empty() ? "." : folder.c_str(), W_OK | X_OK) == 0;
}

Result<fs::path> place_of_index(const SearchPlace& place) {
  if (!place.index.empty()) return place.index;
  std::error_code error;
  const fs::path whole = fs::absolute(place.corpus, error).lexically_normal();
  const fs::path corpus = whole.has_filename() ? whole : whole.parent_path();
  const fs::path beside = fs::is_directory(corpus, error)
                              ? corpus / "corpus.bm25"
                              : corpus.parent_path() / (corpus.filename().string() + ".bm25");
  if (fs::exists(beside, error) || may_write_in(beside.parent_path())) return beside;
  Fingerprint name;
  name.add(corpus.string());
  const fs::path folder = headwise_home() / "indexes";
  fs::create_directories(folder, error);
  if (error) {
    return fail(ErrorCode::kIo, "no place for the index: nothing may be written beside '" + corpus.string() +
                                    "', and not in '" + folder.string() + "' (" + error.message() +
                                    "); name one with --index FILE");
  }
  return folder / (corpus.filename().string() + "-" + name.hex() + ".bm25");
}

// The documents' database under a temporary name, away with it when it did not become the index.
class Workshop {
 public:
  explicit Workshop(const fs::path& index)
      : folder_(index.string() + ".building-" + std::to_string(::getpid())),
        file_(folder_.string() + ".one") {}
  Workshop(const Workshop&) = delete;
  Workshop& operator=(const Workshop&) = delete;
  ~Workshop() {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
    fs::remove(file_, ignored);
  }
  const fs::path& folder() const { return folder_; }
  const fs::path& file() const { return file_; }

 private:
  fs::path folder_, file_;
};

Xapian::Document entry_of(const Document& document) {
  Xapian::Document entry;
  std::map<std::string, Xapian::termcount> counts;
  for (std::string& term : search_terms(document.title + "\n" + document.text)) ++counts[std::move(term)];
  for (const auto& [term, count] : counts) entry.add_term(term, count);
  const Json data = {{"id", document.id}, {"title", document.title}, {"text", document.text}};
  entry.set_data(data.dump(-1, ' ', false, Json::error_handler_t::replace));
  return entry;
}

Status build(const Corpus& corpus, const std::string& signature, const fs::path& index,
             ProgressSink* progress) {
  const auto documents = read_corpus(corpus);
  if (!documents) return fail(Error(documents.error()).with_context("reading --corpus"));
  const Workshop workshop(index);
  const auto total = static_cast<int64_t>(documents->size());
  {
    Xapian::WritableDatabase database(workshop.folder().string(), Xapian::DB_CREATE_OR_OVERWRITE |
                                                                      Xapian::DB_BACKEND_GLASS |
                                                                      Xapian::DB_NO_SYNC);
    int64_t done = 0;
    for (const Document& document : documents->items()) {
      if (progress != nullptr && progress->stop_requested())
        return fail(ErrorCode::kCancelled, "interrupted");
      database.add_document(entry_of(document));
      if (progress != nullptr) progress->advance("documents", ++done, total);
    }
    if (database.get_total_length() == 0) {
      return fail(ErrorCode::kInvalidInput, "the collection has no word that could be searched for");
    }
    database.set_metadata(kVersionKey, kVersion);
    database.set_metadata(kSignatureKey, signature);
    database.commit();
    database.compact(workshop.file().string(), Xapian::DBCOMPACT_SINGLE_FILE);
  }
  std::error_code error;
  fs::rename(workshop.file(), index, error);
  if (error) return fail(ErrorCode::kIo, "index '" + index.string() + "': " + error.message());
  return {};
}

}  // namespace

struct SearchIndex::State {
  Xapian::Database database;
  fs::path file;
  std::optional<WordFrequencies> frequencies;
  bool built_now = false;

  // A query's term. Bm25 weighs it by how rare it is here; where frequencies are given, by how rare they say.
  Xapian::Query weighed(const std::string& term, Xapian::termcount count) const {
    Xapian::Query query(term, count);
    if (!frequencies) return query;
    const double here =
        inverse_document_frequency(database.get_doccount(), static_cast<double>(database.get_termfreq(term)));
    const double there = frequencies->inverse_document_frequency(term, database.get_avlength());
    return {Xapian::Query::OP_SCALE_WEIGHT, query, there / here};
  }
};

SearchIndex::SearchIndex(std::unique_ptr<State> state) : state_(std::move(state)) {}
SearchIndex::SearchIndex(SearchIndex&&) noexcept = default;
SearchIndex& SearchIndex::operator=(SearchIndex&&) noexcept = default;
SearchIndex::~SearchIndex() = default;

Result<SearchIndex> SearchIndex::open(const SearchPlace& place, ProgressSink* progress) {
  const auto corpus = find_corpus(place.corpus);
  if (!corpus) return fail(corpus.error());
  const auto signature = signature_of(*corpus);
  if (!signature) return fail(signature.error());
  const auto file = place_of_index(place);
  if (!file) return fail(file.error());
  auto state = std::make_unique<State>();
  state->file = *file;
  if (!place.word_frequencies.empty()) {
    auto frequencies = WordFrequencies::read(place.word_frequencies);
    if (!frequencies) return fail(Error(frequencies.error()).with_context("taking --word-frequencies"));
    state->frequencies = std::move(*frequencies);
  }
  std::error_code error;
  try {
    if (fs::exists(*file, error)) {
      // A file that is no index of ours is not written over: it may be somebody's corpus.
      state->database = Xapian::Database(file->string());
      const std::string version = state->database.get_metadata(kVersionKey);
      if (version.empty()) {
        return fail(ErrorCode::kUsage,
                    "'" + file->string() + "' is another program's database; name another with --index FILE");
      }
      if (version == kVersion && state->database.get_metadata(kSignatureKey) == *signature) {
        return SearchIndex(std::move(state));
      }
      state->database.close();
    }
    HW_RETURN_IF_ERROR(build(*corpus, *signature, *file, progress));
    state->database = Xapian::Database(file->string());
    state->built_now = true;
  } catch (const Xapian::Error& problem) {
    return failure(problem, *file);
  }
  return SearchIndex(std::move(state));
}

Result<std::vector<SearchHit>> SearchIndex::search(std::string_view query, int depth) {
  std::map<std::string, Xapian::termcount> counts;
  for (std::string& term : search_terms(query)) ++counts[std::move(term)];
  std::vector<SearchHit> hits;
  if (counts.empty() || depth <= 0) return hits;
  try {
    std::vector<Xapian::Query> terms;
    for (const auto& [term, count] : counts) terms.push_back(state_->weighed(term, count));
    Xapian::Enquire enquire(state_->database);
    enquire.set_weighting_scheme(Bm25(kK1, kB));
    enquire.set_query(Xapian::Query(Xapian::Query::OP_OR, terms.begin(), terms.end()));
    const Xapian::MSet found = enquire.get_mset(0, static_cast<Xapian::doccount>(depth));
    for (Xapian::MSetIterator at = found.begin(); at != found.end(); ++at) {
      const Json data = Json::parse(at.get_document().get_data(), nullptr, false);
      if (!data.is_object() || !data.contains("id") || !data.contains("title") || !data.contains("text")) {
        return fail(ErrorCode::kInvalidInput,
                    "index '" + state_->file.string() + "' is damaged; delete it and it is built again");
      }
      hits.push_back({.document = {.id = data["id"].get<std::string>(),
                                   .title = data["title"].get<std::string>(),
                                   .text = data["text"].get<std::string>()},
                      .score = at.get_weight()});
    }
  } catch (const Xapian::Error& problem) {
    return failure(problem, state_->file);
  }
  return hits;
}

Result<std::vector<Passage>> SearchIndex::candidates(std::string_view query, int depth) {
  auto hits = search(query, depth);
  HW_RETURN_IF_ERROR(hits);
  std::vector<Passage> passages;
  for (SearchHit& hit : *hits) {
    passages.push_back({.id = std::move(hit.document.id),
                        .title = std::move(hit.document.title),
                        .text = std::move(hit.document.text),
                        .first_stage_score = hit.score});
  }
  return passages;
}

int64_t SearchIndex::documents() const { return static_cast<int64_t>(state_->database.get_doccount()); }
const fs::path& SearchIndex::file() const { return state_->file; }
bool SearchIndex::built_now() const { return state_->built_now; }

}  // namespace headwise
