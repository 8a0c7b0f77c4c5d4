// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "tokenizer/score_bpe.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <optional>
#include <string>
#include <tuple>
#include <unordered_map>

#include "base/check.h"
#include "base/utf8.h"

namespace headwise {
namespace {

struct Symbol {
  size_t begin = 0;
  size_t size = 0;  // 0: joined to the one on its left
  int32_t previous = -1;
  int32_t next = -1;
  std::optional<int32_t> frozen;  // the id of a user-defined piece
};

struct Candidate {
  uint32_t priority;
  int32_t left;
  size_t size;  // of the joined text: tells an outdated candidate
  // std heaps keep the greatest on top: the smallest priority number, then the leftmost.
  bool operator<(const Candidate& other) const {
    return std::tie(other.priority, other.left) < std::tie(priority, left);
  }
};

// Floats in an order that unsigned integers have too, highest score first.
uint32_t priority_of(float score) {
  const auto bits = std::bit_cast<uint32_t>(score + 0.0f);  // -0 becomes 0
  const uint32_t ascending = (bits & 0x80000000u) != 0 ? ~bits : bits | 0x80000000u;
  return ~ascending;
}

std::optional<uint8_t> byte_of_piece(std::string_view piece) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  if (piece.size() != 6 || !piece.starts_with("<0x") || piece[5] != '>') return std::nullopt;
  const size_t high = kDigits.find(piece[3]);
  const size_t low = kDigits.find(piece[4]);
  if (high == std::string_view::npos || low == std::string_view::npos) return std::nullopt;
  return static_cast<uint8_t>(high * 16 + low);
}

// llama.cpp's converter writes the spaces of user-defined pieces as spaces (Gemma's runs of them), and those
// of other pieces as "▁", which is what they are in the text that is encoded.
std::string with_marked_spaces(std::string_view piece) {
  std::string marked;
  for (const char c : piece) c == ' ' ? marked.append("\xE2\x96\x81") : marked.append(1, c);
  return marked;
}

// Characters, and user-defined pieces whole, each linked to its neighbours.
std::vector<Symbol> cut_to_symbols(const AddedTokens& user_defined, std::string_view text) {
  std::vector<Symbol> symbols;
  const auto add_symbol = [&](size_t begin, size_t size, std::optional<int32_t> frozen) {
    const auto index = static_cast<int32_t>(symbols.size());
    if (index > 0) symbols.back().next = index;
    symbols.push_back({begin, size, index - 1, -1, frozen});
  };
  for (const AddedTokens::Piece& piece : user_defined.cut(text, false)) {
    if (piece.id) {
      add_symbol(piece.span.begin, piece.span.end - piece.span.begin, piece.id);
      continue;
    }
    for (size_t at = piece.span.begin; at < piece.span.end;) {
      const std::optional<DecodedCodePoint> point = decode_utf8(text.substr(at));
      HW_CHECK(point.has_value());
      add_symbol(at, point->bytes, std::nullopt);
      at += point->bytes;
    }
  }
  return symbols;
}

}  // namespace

Result<ScoreBpe> ScoreBpe::build(const Vocabulary& vocabulary, std::vector<float> scores,
                                 std::vector<PieceType> types, std::optional<int32_t> unknown) {
  const auto pieces = static_cast<size_t>(vocabulary.size());
  if (scores.size() != pieces || types.size() != pieces) {
    return fail(ErrorCode::kInvalidInput, "a vocabulary of " + std::to_string(pieces) + " tokens has " +
                                              std::to_string(scores.size()) + " scores and " +
                                              std::to_string(types.size()) +
                                              " token types; expected one of each per token");
  }
  ScoreBpe bpe;
  bpe.unknown_ = unknown;
  bpe.byte_ids_.fill(-1);
  std::vector<AddedToken> user_defined;
  for (size_t i = 0; i < pieces; ++i) {
    const auto id = static_cast<int32_t>(i);
    if (std::isnan(scores[i])) {
      return fail(ErrorCode::kInvalidInput, "the score of token " + std::to_string(i) + " is not a number");
    }
    bpe.priorities_.push_back(priority_of(scores[i]));
    const std::string_view text = vocabulary.text(id);
    if (types[i] == PieceType::kUserDefined) {
      user_defined.push_back({.id = id, .content = std::string(text), .pattern = with_marked_spaces(text)});
    } else if (types[i] == PieceType::kByte) {
      const std::optional<uint8_t> byte = byte_of_piece(text);
      if (!byte) {
        return fail(ErrorCode::kInvalidInput, "token " + std::to_string(i) + " is a byte but reads \"" +
                                                  std::string(text.substr(0, 64)) +
                                                  "\"; expected \"<0x00>\" to \"<0xFF>\"");
      }
      bpe.byte_ids_[*byte] = id;
    }
  }
  const auto missing = std::ranges::count(bpe.byte_ids_, -1);
  if (missing != 0 && missing != 256) {
    return fail(ErrorCode::kInvalidInput, "the vocabulary has " + std::to_string(256 - missing) +
                                              " of the 256 byte tokens; expected all or none");
  }
  bpe.byte_fallback_ = missing == 0;
  bpe.types_ = std::move(types);
  bpe.user_defined_ = AddedTokens(std::move(user_defined));
  return bpe;
}

std::optional<int32_t> ScoreBpe::joinable(const Vocabulary& vocabulary, std::string_view text) const {
  if (text.size() > vocabulary.longest()) return std::nullopt;
  const std::optional<int32_t> id = vocabulary.find(text);
  if (!id) return std::nullopt;
  const PieceType kind = type(*id);
  const bool is_text =
      kind == PieceType::kNormal || kind == PieceType::kUserDefined || kind == PieceType::kUnused;
  return is_text ? id : std::nullopt;
}

void ScoreBpe::encode(const Vocabulary& vocabulary, std::string_view text, std::vector<int32_t>& ids) const {
  std::vector<Symbol> symbols = cut_to_symbols(user_defined_, text);
  if (symbols.empty()) return;

  const auto symbol = [&](int32_t i) -> Symbol& { return symbols[static_cast<size_t>(i)]; };
  const auto text_of = [&](const Symbol& s) { return text.substr(s.begin, s.size); };
  // What an unused piece was made of: SentencePiece takes it apart again at the end.
  std::unordered_map<std::string_view, size_t> unused_splits;
  std::vector<Candidate> queue;
  const auto propose = [&](int32_t left) -> bool {
    if (left < 0 || symbol(left).next < 0) return false;
    const Symbol& a = symbol(left);
    const Symbol& b = symbol(a.next);
    if (a.frozen || b.frozen) return false;
    const std::string_view joined = text.substr(a.begin, a.size + b.size);
    const std::optional<int32_t> id = joinable(vocabulary, joined);
    if (!id) return false;
    queue.push_back({priorities_[static_cast<size_t>(*id)], left, joined.size()});
    if (type(*id) == PieceType::kUnused) unused_splits[joined] = a.size;
    return true;
  };
  for (int32_t i = 0; i + 1 < static_cast<int32_t>(symbols.size()); ++i) propose(i);
  std::make_heap(queue.begin(), queue.end());
  while (!queue.empty()) {
    std::pop_heap(queue.begin(), queue.end());
    const Candidate best = queue.back();
    queue.pop_back();
    Symbol& left = symbol(best.left);
    if (left.size == 0 || left.next < 0 || left.size + symbol(left.next).size != best.size) continue;
    Symbol& right = symbol(left.next);
    left.size = best.size;
    left.next = right.next;
    right.size = 0;
    if (left.next >= 0) symbol(left.next).previous = best.left;
    if (propose(left.previous)) std::push_heap(queue.begin(), queue.end());
    if (propose(best.left)) std::push_heap(queue.begin(), queue.end());
  }

  bool previous_unknown = false;
  const auto write = [&](std::string_view piece) {
    if (const std::optional<int32_t> id = joinable(vocabulary, piece)) {
      previous_unknown = false;
      ids.push_back(*id);
    } else if (byte_fallback_) {
      for (char byte : piece) ids.push_back(byte_ids_[static_cast<uint8_t>(byte)]);
    } else if (unknown_ && !previous_unknown) {
      // Without byte tokens neighbouring unknown pieces are one token.
      previous_unknown = true;
      ids.push_back(*unknown_);
    }
  };
  std::vector<std::string_view> pending;
  for (int32_t i = 0; i >= 0; i = symbol(i).next) {
    if (symbol(i).frozen) {
      previous_unknown = false;
      ids.push_back(*symbol(i).frozen);
      continue;
    }
    pending.push_back(text_of(symbol(i)));
    while (!pending.empty()) {
      const std::string_view piece = pending.back();
      pending.pop_back();
      const auto split = unused_splits.find(piece);
      if (split == unused_splits.end()) {
        write(piece);
      } else {
        pending.push_back(piece.substr(split->second));
        pending.push_back(piece.substr(0, split->second));
      }
    }
  }
}

}  // namespace headwise
