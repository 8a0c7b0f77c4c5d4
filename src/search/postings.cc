// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "search/postings.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace headwise {
namespace {

constexpr unsigned kBits = 7;
constexpr uint64_t kMore = 0x80;
constexpr size_t kBytesOfATerm = 160;  // its node, its key and its list, beside what they hold

void append(std::string& bytes, uint64_t number) {
  for (; number >= kMore; number >>= kBits) bytes.push_back(static_cast<char>(number | kMore));
  bytes.push_back(static_cast<char>(number));
}

}  // namespace

PostingReader::PostingReader(uint64_t first, std::string_view list) : rest_(list), document_(first) {
  documents_ = left_ = number();
}

uint64_t PostingReader::number() {
  uint64_t value = 0;
  for (unsigned shift = 0; shift < 64 && !rest_.empty(); shift += kBits) {
    const auto byte = static_cast<unsigned char>(rest_.front());
    rest_.remove_prefix(1);
    value |= (byte & (kMore - 1)) << shift;
    if (byte < kMore) return value;
  }
  whole_ = false;
  return 0;
}

std::optional<Posting> PostingReader::next() {
  if (left_ == 0 || !whole_) return std::nullopt;
  --left_;
  document_ += number();
  const uint64_t count = number();
  if (!whole_) return std::nullopt;
  return Posting{document_, count};
}

void PostingLists::add(std::string_view term, Posting posting) {
  auto found = lists_.find(term);
  if (found == lists_.end()) {
    found =
        lists_.emplace(term, Growing{.first = posting.document, .last = posting.document, .pairs = {}}).first;
    bytes_ += kBytesOfATerm + term.size();
  }
  Growing& list = found->second;
  HW_CHECK(posting.document >= list.last);
  const size_t before = list.pairs.capacity();
  append(list.pairs, posting.document - list.last);
  append(list.pairs, posting.count);
  bytes_ += list.pairs.capacity() - before;
  list.last = posting.document;
  ++list.documents;
}

void PostingLists::clear() {
  lists_.clear();
  bytes_ = 0;
}

std::vector<std::string_view> PostingLists::sorted() const {
  std::vector<std::string_view> terms;
  terms.reserve(lists_.size());
  for (const auto& [term, list] : lists_) terms.push_back(term);
  std::sort(terms.begin(), terms.end());
  return terms;
}

PostingLists::Entry PostingLists::entry(std::string_view term) const {
  const auto found = lists_.find(term);
  HW_CHECK(found != lists_.end());
  Entry entry{.term = term, .first = found->second.first, .list = {}};
  append(entry.list, found->second.documents);
  entry.list += found->second.pairs;
  return entry;
}

}  // namespace headwise
