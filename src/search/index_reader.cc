// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "search/index_reader.h"

#include <algorithm>
#include <array>
#include <map>
#include <system_error>
#include <utility>

#include "base/check.h"
#include "base/file.h"
#include "search/bm25.h"
#include "search/index_writer.h"
#include "search/postings.h"
#include "search/word_frequencies.h"

namespace headwise {
namespace {

constexpr std::string_view kSqliteHead("SQLite format 3\0", 16);
constexpr size_t kMarkAt = 68;  // sqlite.org/fileformat2.html#the_database_header
constexpr std::string_view kXapianHead("\x0f\x0dXapian Glass", 14);
constexpr std::string_view kXapianVersion = "headwise BM25 index ";  // up to 2, kept by Xapian

tl::unexpected<Error> damaged() {
  return fail(ErrorCode::kInvalidInput, "it is damaged: its lists do not fit its documents");
}

bool better(const ScoredDocument& a, const ScoredDocument& b) {
  return a.score != b.score ? a.score > b.score : a.number < b.number;
}

// Every document with a score, in the end the best `depth`, best first.
std::vector<ScoredDocument> best_of(const std::vector<double>& scores, size_t depth) {
  std::vector<ScoredDocument> best;  // a heap, the worst on top
  for (size_t number = 0; number < scores.size(); ++number) {
    if (scores[number] <= 0.0) continue;
    const ScoredDocument scored{static_cast<int64_t>(number), scores[number]};
    if (best.size() == depth) {
      if (!better(scored, best.front())) continue;
      std::pop_heap(best.begin(), best.end(), better);
      best.pop_back();
    }
    best.push_back(scored);
    std::push_heap(best.begin(), best.end(), better);
  }
  std::sort_heap(best.begin(), best.end(), better);
  return best;
}

}  // namespace

struct IndexReader::List {
  uint64_t first = 0;
  std::string list;
};

Result<FoundFile> look_at_index(const std::filesystem::path& file) {
  std::error_code error;
  if (!std::filesystem::exists(file, error)) return FoundFile::kNone;
  const auto mapped = MappedFile::open(file);
  HW_RETURN_IF_ERROR(mapped);
  const std::string_view bytes(reinterpret_cast<const char*>(mapped->bytes().data()), mapped->bytes().size());
  if (bytes.starts_with(kXapianHead)) {
    return bytes.find(kXapianVersion) == std::string_view::npos ? FoundFile::kForeign
                                                                : FoundFile::kXapianIndex;
  }
  if (!bytes.starts_with(kSqliteHead) || bytes.size() < kMarkAt + 4) return FoundFile::kForeign;
  uint32_t mark = 0;
  for (size_t i = 0; i < 4; ++i) mark = mark << 8 | static_cast<unsigned char>(bytes[kMarkAt + i]);
  return mark == kIndexMark ? FoundFile::kIndex : FoundFile::kForeign;
}

Result<IndexReader> IndexReader::open(const std::filesystem::path& file) {
  auto database = Database::open(file, Database::Use::kRead);
  HW_RETURN_IF_ERROR(database);
  return IndexReader(std::move(*database));
}

Result<std::string> IndexReader::fact(std::string_view name) const {
  auto select = database_.prepare("SELECT value FROM facts WHERE name = ?");
  HW_RETURN_IF_ERROR(select);
  select->bind_text(1, name);
  const auto found = select->step();
  HW_RETURN_IF_ERROR(found);
  return *found ? std::string(select->bytes(0)) : std::string();
}

Result<std::vector<IndexReader::List>> IndexReader::lists_of(std::string_view term) const {
  auto select = database_.prepare("SELECT first, list FROM postings WHERE term = ? ORDER BY first");
  HW_RETURN_IF_ERROR(select);
  select->bind_text(1, term);
  std::vector<List> lists;
  for (;;) {
    const auto found = select->step();
    HW_RETURN_IF_ERROR(found);
    if (!*found) return lists;
    lists.push_back({static_cast<uint64_t>(select->whole(0)), std::string(select->bytes(1))});
  }
}

Status IndexReader::load() {
  const auto lists = lists_of(kLengths);
  HW_RETURN_IF_ERROR(lists);
  double total = 0.0;
  for (const List& list : *lists) {
    PostingReader reader(list.first, list.list);
    while (const auto posting = reader.next()) {
      if (posting->document != lengths_.size() || posting->count > UINT32_MAX) return damaged();
      lengths_.push_back(static_cast<uint32_t>(posting->count));
      total += static_cast<double>(posting->count);
    }
    if (!reader.whole()) return damaged();
  }
  if (total <= 0.0) return damaged();
  mean_length_ = total / static_cast<double>(lengths_.size());
  return {};
}

Result<std::vector<ScoredDocument>> IndexReader::best(const std::vector<std::string>& terms, size_t depth,
                                                      const WordFrequencies* frequencies) const {
  std::map<std::string_view, double> counts;
  for (const std::string& term : terms) ++counts[term];
  std::vector<double> scores(lengths_.size(), 0.0);
  for (const auto& [term, times] : counts) {
    const auto lists = lists_of(term);
    HW_RETURN_IF_ERROR(lists);
    double with_term = 0.0;
    for (const List& list : *lists)
      with_term += static_cast<double>(PostingReader(list.first, list.list).documents());
    if (with_term > static_cast<double>(lengths_.size())) return damaged();
    const double weight =
        times * (frequencies != nullptr
                     ? frequencies->inverse_document_frequency(std::string(term), mean_length_)
                     : inverse_document_frequency(static_cast<double>(lengths_.size()), with_term));
    for (const List& list : *lists) {
      PostingReader reader(list.first, list.list);
      while (const auto posting = reader.next()) {
        if (posting->document >= lengths_.size()) return damaged();
        scores[posting->document] +=
            bm25_part(weight, static_cast<double>(posting->count), lengths_[posting->document], mean_length_);
      }
      if (!reader.whole()) return damaged();
    }
  }
  return best_of(scores, depth);
}

Result<Document> IndexReader::document(int64_t number) const {
  auto select = database_.prepare("SELECT id, title, text FROM documents WHERE number = ?");
  HW_RETURN_IF_ERROR(select);
  select->bind(1, number);
  const auto found = select->step();
  HW_RETURN_IF_ERROR(found);
  if (!*found) return damaged();
  return Document{.id = std::string(select->bytes(0)),
                  .title = std::string(select->bytes(1)),
                  .text = std::string(select->bytes(2))};
}

}  // namespace headwise
