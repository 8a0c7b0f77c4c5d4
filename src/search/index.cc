// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "search/index.h"

#include <unistd.h>

#include <optional>
#include <string>
#include <system_error>
#include <tuple>
#include <utility>

#include "base/check.h"
#include "base/file.h"
#include "base/fingerprint.h"
#include "formats/corpus.h"
#include "formats/left_out_json.h"
#include "headwise/home.h"
#include "search/index_reader.h"
#include "search/index_writer.h"
#include "search/terms.h"
#include "search/word_frequencies.h"

namespace headwise {
namespace {

namespace fs = std::filesystem;

// Whatever SQLite says of an index that is read.
tl::unexpected<Error> unreadable(const Error& error, const fs::path& file) {
  return fail(error.code(),
              "index '" + file.string() + "': " + error.message() + "; delete it and it is built again");
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

// The index under a temporary name, away with it when it did not become the index.
class Workshop {
 public:
  explicit Workshop(const fs::path& index)
      : file_(index.string() + ".building-" + std::to_string(::getpid())) {
    clear();
  }
  Workshop(const Workshop&) = delete;
  Workshop& operator=(const Workshop&) = delete;
  ~Workshop() { clear(); }
  const fs::path& file() const { return file_; }

 private:
  void clear() const {
    std::error_code ignored;
    fs::remove(file_, ignored);
  }
  fs::path file_;
};

Status write_index(const Corpus& corpus, const std::string& signature, const fs::path& file,
                   ProgressSink* progress) {
  auto writer = IndexWriter::create(file);
  HW_RETURN_IF_ERROR(writer);
  LeftOut left_out;
  const auto add = [&](const Document& document) -> Status {
    if (progress != nullptr && progress->stop_requested()) return fail(ErrorCode::kCancelled, "interrupted");
    if (auto added = writer->add(document); !added) {
      return fail(Error(added.error()).with_context("writing the index"));
    }
    if (progress != nullptr) progress->advance("documents", writer->documents(), 0);
    return {};
  };
  HW_RETURN_IF_ERROR(for_each_document(corpus, add, left_out));
  return writer->finish(signature, left_out);
}

Status build(const Corpus& corpus, const std::string& signature, const fs::path& index,
             ProgressSink* progress) {
  const auto leads_to = through_links(index);
  HW_RETURN_IF_ERROR(leads_to);
  const Workshop workshop(*leads_to);
  const auto written = write_index(corpus, signature, workshop.file(), progress);
  if (!written) return fail(Error(written.error()).with_context("indexing into '" + index.string() + "'"));
  std::error_code error;
  fs::rename(workshop.file(), *leads_to, error);
  if (error) return fail(ErrorCode::kIo, "index '" + index.string() + "': " + error.message());
  return {};
}

}  // namespace

struct SearchIndex::State {
  IndexReader reader;
  fs::path file;
  std::optional<WordFrequencies> frequencies;
  BuildReason reason = BuildReason::kNone;
  LeftOut left_out;
};

namespace {

// Why the index must be built; kNone with `reader` when it need not be. A file that is no index of ours is
// not written over: it may be somebody's corpus.
Result<BuildReason> reason_to_build(const fs::path& file, const std::string& signature,
                                    std::optional<IndexReader>& reader) {
  const auto found = look_at_index(file);
  HW_RETURN_IF_ERROR(found);
  if (*found == FoundFile::kNone) return BuildReason::kNew;
  if (*found == FoundFile::kXapianIndex) return BuildReason::kOlderVersion;
  if (*found == FoundFile::kForeign) {
    return fail(ErrorCode::kInvalidInput,
                "'" + file.string() + "' is no index of headwise; name another with --index FILE");
  }
  auto opened = IndexReader::open(file);
  if (!opened) return unreadable(opened.error(), file);
  for (const auto& [name, expected, otherwise] : {std::tuple<const char*, std::string_view, BuildReason>{
                                                      "version", kIndexVersion, BuildReason::kOlderVersion},
                                                  {"corpus", signature, BuildReason::kCorpusChanged}}) {
    const auto fact = opened->fact(name);
    if (!fact) return unreadable(fact.error(), file);
    if (*fact != expected) return otherwise;
  }
  reader = std::move(*opened);
  return BuildReason::kNone;
}

}  // namespace

SearchIndex::SearchIndex(std::unique_ptr<State> state) : state_(std::move(state)) {}
SearchIndex::SearchIndex(SearchIndex&&) noexcept = default;
SearchIndex& SearchIndex::operator=(SearchIndex&&) noexcept = default;
SearchIndex::~SearchIndex() = default;

Result<SearchIndex> SearchIndex::open(const SearchPlace& place, ProgressSink* progress) {
  const auto corpus = find_corpus(place.corpus);
  HW_RETURN_IF_ERROR(corpus);
  const auto signature = signature_of(*corpus);
  HW_RETURN_IF_ERROR(signature);
  const auto file = place_of_index(place);
  HW_RETURN_IF_ERROR(file);
  std::optional<WordFrequencies> frequencies;
  if (!place.word_frequencies.empty()) {
    auto read = WordFrequencies::read(place.word_frequencies);
    if (!read) return fail(Error(read.error()).with_context("taking --word-frequencies"));
    frequencies = std::move(*read);
  }
  std::optional<IndexReader> reader;
  const auto reason = reason_to_build(*file, *signature, reader);
  HW_RETURN_IF_ERROR(reason);
  if (*reason != BuildReason::kNone) {
    HW_RETURN_IF_ERROR(build(*corpus, *signature, *file, progress));
    auto opened = IndexReader::open(*file);
    if (!opened) return unreadable(opened.error(), *file);
    reader = std::move(*opened);
  }
  if (const auto loaded = reader->load(); !loaded) return unreadable(loaded.error(), *file);
  const auto left_out = reader->fact("left out");
  if (!left_out) return unreadable(left_out.error(), *file);
  return SearchIndex(std::make_unique<State>(State{.reader = std::move(*reader),
                                                   .file = *file,
                                                   .frequencies = std::move(frequencies),
                                                   .reason = *reason,
                                                   .left_out = parse_left_out(*left_out)}));
}

Result<std::vector<SearchHit>> SearchIndex::search(std::string_view query, int depth) {
  std::vector<SearchHit> hits;
  const std::vector<std::string> terms = search_terms(query);
  if (terms.empty() || depth <= 0) return hits;
  const IndexReader& reader = state_->reader;
  const auto best =
      reader.best(terms, static_cast<size_t>(depth), state_->frequencies ? &*state_->frequencies : nullptr);
  if (!best) return unreadable(best.error(), state_->file);
  for (const ScoredDocument& scored : *best) {
    auto document = reader.document(scored.number);
    if (!document) return unreadable(document.error(), state_->file);
    hits.push_back({.document = std::move(*document), .score = scored.score});
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

int64_t SearchIndex::documents() const { return state_->reader.documents(); }
const fs::path& SearchIndex::file() const { return state_->file; }
BuildReason SearchIndex::build_reason() const { return state_->reason; }
const LeftOut& SearchIndex::left_out() const { return state_->left_out; }

}  // namespace headwise
