// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "tokenizer/bpe.h"

#include <algorithm>
#include <bit>
#include <functional>
#include <string>

#include "base/check.h"
#include "base/utf8.h"
#include "tokenizer/byte_alphabet.h"

namespace headwise {
namespace {

constexpr uint32_t kNoMerge = ~uint32_t{0};
// Up to here looking for the smallest rank again after every merge is faster than a heap.
constexpr size_t kShortWord = 48;

uint64_t pair_key(int32_t left, int32_t right) {
  return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
}

std::string quoted(std::string_view text) { return "\"" + std::string(text.substr(0, 64)) + "\""; }

std::string byte_token(int byte) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  return std::string("<0x") + kDigits[byte >> 4] + kDigits[byte & 15] + ">";
}

}  // namespace

void MergeTable::reserve(size_t merges) {
  HW_CHECK(used_ == 0);
  slots_.assign(std::bit_ceil(2 * merges + 2), Slot{});
}

size_t MergeTable::slot_of(uint64_t pair) const {
  const size_t mask = slots_.size() - 1;
  // Fibonacci hashing: ids are dense, and neighbouring keys must not share a run of slots.
  size_t slot = static_cast<size_t>((pair * 0x9E3779B97F4A7C15ull) >> 20) & mask;
  while (slots_[slot].pair != kFree && slots_[slot].pair != pair) slot = (slot + 1) & mask;
  return slot;
}

void MergeTable::set(int32_t left, int32_t right, Merge merge) {
  Slot& slot = slots_[slot_of(pair_key(left, right))];
  if (slot.pair == kFree) ++used_;
  HW_CHECK(used_ < slots_.size());
  slot = {pair_key(left, right), merge};
}

const MergeTable::Merge* MergeTable::find(int32_t left, int32_t right) const {
  const Slot& slot = slots_[slot_of(pair_key(left, right))];
  return slot.pair == kFree ? nullptr : &slot.merge;
}

Result<Bpe> Bpe::build(const Vocabulary& vocabulary, const std::vector<TextPair>& merges,
                       const BpeOptions& options) {
  Bpe bpe;
  bpe.options_ = options;
  bpe.merges_.reserve(merges.size());
  std::string merged;
  for (size_t rank = 0; rank < merges.size(); ++rank) {
    const auto& [left, right] = merges[rank];
    const auto where = [&] { return "merge " + std::to_string(rank) + " "; };
    if (left.empty() || right.empty()) {
      return fail(ErrorCode::kInvalidInput, where() + "has an empty side; expected two tokens");
    }
    merged.assign(left).append(right);
    const std::optional<int32_t> left_id = vocabulary.find(left);
    const std::optional<int32_t> right_id = vocabulary.find(right);
    const std::optional<int32_t> merged_id = vocabulary.find(merged);
    if (!left_id || !right_id || !merged_id) {
      const std::string_view missing = !left_id ? left : !right_id ? right : std::string_view(merged);
      return fail(ErrorCode::kInvalidInput,
                  where() + "needs the token " + quoted(missing) + ", which the vocabulary has not");
    }
    bpe.merges_.set(*left_id, *right_id, {static_cast<uint32_t>(rank), *merged_id});
  }
  for (int byte = 0; byte < 256; ++byte) {
    std::string name;
    if (options.byte_level) {
      append_utf8(name, byte_character(static_cast<uint8_t>(byte)));
    } else {
      name = byte_token(byte);
    }
    bpe.byte_ids_[static_cast<size_t>(byte)] = vocabulary.find(name).value_or(-1);
  }
  return bpe;
}

void Bpe::encode(const Vocabulary& vocabulary, std::string_view word, BpeScratch& scratch,
                 std::vector<int32_t>& ids) const {
  if (word.empty()) return;
  if (options_.ignore_merges) {
    const std::optional<int32_t> whole =
        options_.byte_level ? vocabulary.find(token_of_bytes(word)) : vocabulary.find(word);
    if (whole) {
      ids.push_back(*whole);
      return;
    }
  }
  scratch.ids.clear();
  first_symbols(vocabulary, word, scratch.ids);
  if (scratch.ids.size() <= kShortWord) {
    merge_short(scratch);
  } else {
    merge_long(scratch);
  }
  ids.insert(ids.end(), scratch.ids.begin(), scratch.ids.end());
}

// The characters of the word as tokens. The order in which a pending unknown token is written out when byte
// fallback works for the next character is Hugging Face's (tokenizers/src/models/bpe/model.rs, merge_word).
void Bpe::first_symbols(const Vocabulary& vocabulary, std::string_view word,
                        std::vector<int32_t>& ids) const {
  bool pending_unknown = false;
  const auto unknown_character = [&] {
    if (!options_.unknown) return;  // dropped, as there
    if (pending_unknown && !options_.fuse_unknown) ids.push_back(*options_.unknown);
    pending_unknown = true;
  };
  const auto known = [&](int32_t id) {
    if (pending_unknown) ids.push_back(*options_.unknown);
    pending_unknown = false;
    ids.push_back(id);
  };
  while (!word.empty()) {
    if (options_.byte_level) {
      const int32_t id = byte_ids_[static_cast<uint8_t>(word[0])];
      id >= 0 ? known(id) : unknown_character();
      word.remove_prefix(1);
      continue;
    }
    const std::optional<DecodedCodePoint> point = decode_utf8(word);
    HW_CHECK(point.has_value());
    const std::string_view character = word.substr(0, point->bytes);
    word.remove_prefix(point->bytes);
    const auto byte_id = [&](char byte) { return byte_ids_[static_cast<uint8_t>(byte)]; };
    if (const std::optional<int32_t> id = vocabulary.find(character)) {
      known(*id);
    } else if (options_.byte_fallback &&
               std::ranges::all_of(character, [&](char byte) { return byte_id(byte) >= 0; })) {
      for (char byte : character) ids.push_back(byte_id(byte));
    } else {
      unknown_character();
    }
  }
  if (pending_unknown) ids.push_back(*options_.unknown);
}

void Bpe::merge_short(BpeScratch& scratch) const {
  std::vector<int32_t>& ids = scratch.ids;
  std::vector<uint32_t>& ranks = scratch.ranks;
  const auto rank_at = [&](size_t i) {
    const MergeTable::Merge* merge = merges_.find(ids[i], ids[i + 1]);
    return merge ? merge->rank : kNoMerge;
  };
  ranks.clear();
  for (size_t i = 0; i + 1 < ids.size(); ++i) ranks.push_back(rank_at(i));
  while (!ranks.empty()) {
    // The first of the smallest: ties are merged from the left.
    const auto best = std::min_element(ranks.begin(), ranks.end());
    if (*best == kNoMerge) return;
    const auto i = static_cast<size_t>(best - ranks.begin());
    ids[i] = merges_.find(ids[i], ids[i + 1])->merged;
    ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(i) + 1);
    ranks.erase(best);
    if (i > 0) ranks[i - 1] = rank_at(i - 1);
    if (i < ranks.size()) ranks[i] = rank_at(i);
  }
}

// A heap of (rank, position). An entry whose pair has changed since is recognised by its rank and skipped: a
// pair's text, and so its rank, never comes back at the same position.
void Bpe::merge_long(BpeScratch& scratch) const {
  std::vector<BpeScratch::Symbol>& symbols = scratch.symbols;
  std::vector<uint64_t>& queue = scratch.queue;
  const auto count = static_cast<int32_t>(scratch.ids.size());
  symbols.clear();
  queue.clear();
  for (int32_t i = 0; i < count; ++i) {
    symbols.push_back({scratch.ids[static_cast<size_t>(i)], i - 1, i + 1 < count ? i + 1 : -1});
  }
  const auto symbol = [&](int32_t i) -> BpeScratch::Symbol& { return symbols[static_cast<size_t>(i)]; };
  const auto merge_at = [&](int32_t i) -> const MergeTable::Merge* {
    if (i < 0 || symbol(i).id < 0 || symbol(i).next < 0) return nullptr;
    return merges_.find(symbol(i).id, symbol(symbol(i).next).id);
  };
  const auto entry = [](uint32_t rank, int32_t i) {
    return static_cast<uint64_t>(rank) << 32 | static_cast<uint32_t>(i);
  };
  const auto push = [&](int32_t i) {
    if (const MergeTable::Merge* merge = merge_at(i)) {
      queue.push_back(entry(merge->rank, i));
      std::push_heap(queue.begin(), queue.end(), std::greater<>());
    }
  };
  for (int32_t i = 0; i < count; ++i) {
    if (const MergeTable::Merge* merge = merge_at(i)) queue.push_back(entry(merge->rank, i));
  }
  std::make_heap(queue.begin(), queue.end(), std::greater<>());
  while (!queue.empty()) {
    std::pop_heap(queue.begin(), queue.end(), std::greater<>());
    const auto rank = static_cast<uint32_t>(queue.back() >> 32);
    const auto i = static_cast<int32_t>(queue.back() & 0xFFFFFFFFu);
    queue.pop_back();
    const MergeTable::Merge* merge = merge_at(i);
    if (merge == nullptr || merge->rank != rank) continue;
    const int32_t right = symbol(i).next;
    symbol(i).id = merge->merged;
    symbol(i).next = symbol(right).next;
    if (symbol(right).next >= 0) symbol(symbol(right).next).previous = i;
    symbol(right).id = -1;
    push(symbol(i).previous);
    push(i);
  }
  scratch.ids.clear();
  for (int32_t i = 0; i >= 0; i = symbol(i).next) scratch.ids.push_back(symbol(i).id);
}

}  // namespace headwise
