// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: byte-pair encoding with ranked merges: one word to ids, as Hugging Face tokenizers does
// it, in O(n log n) for a word of any length. What it is not: how text becomes words (pre_tokenizer.h), or
// SentencePiece's merging by scores (score_bpe.h).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "headwise/error.h"
#include "tokenizer/vocabulary.h"

namespace headwise {

// Which two tokens merge into which, lowest rank first.
class MergeTable {
 public:
  struct Merge {
    uint32_t rank = 0;
    int32_t merged = -1;
  };
  void reserve(size_t merges);
  // A pair that is set twice keeps the last rank, as in Hugging Face's loader.
  void set(int32_t left, int32_t right, Merge merge);
  // Null when the pair does not merge.
  const Merge* find(int32_t left, int32_t right) const;
  size_t size() const { return used_; }

 private:
  struct Slot {
    uint64_t pair = kFree;
    Merge merge;
  };
  static constexpr uint64_t kFree = ~uint64_t{0};
  size_t slot_of(uint64_t pair) const;
  std::vector<Slot> slots_;
  size_t used_ = 0;
};

struct BpeOptions {
  bool byte_level = false;     // words are bytes; tokens are written in the byte alphabet
  bool byte_fallback = false;  // an unknown character becomes its bytes' tokens "<0x0A>"
  bool fuse_unknown = false;   // neighbouring unknown characters become one unknown token
  bool ignore_merges = false;  // a word that is a token is that token, whatever the merges say
  std::optional<int32_t> unknown{};
};

// Working memory of one call, kept over its words.
struct BpeScratch {
  struct Symbol {
    int32_t id;
    int32_t previous;
    int32_t next;
  };
  std::vector<int32_t> ids;
  std::vector<uint32_t> ranks;
  std::vector<Symbol> symbols;
  std::vector<uint64_t> queue;
};

class Bpe {
 public:
  // Merges are pairs of token texts, most important first. kInvalidInput when one names a token, or makes
  // one, that the vocabulary has not.
  struct TextPair {
    std::string_view left;
    std::string_view right;
  };
  static Result<Bpe> build(const Vocabulary& vocabulary, const std::vector<TextPair>& merges,
                           const BpeOptions& options);

  // Appends the ids of one word. `vocabulary` is the one it was built with.
  void encode(const Vocabulary& vocabulary, std::string_view word, BpeScratch& scratch,
              std::vector<int32_t>& ids) const;
  const BpeOptions& options() const { return options_; }

 private:
  void first_symbols(const Vocabulary& vocabulary, std::string_view word, std::vector<int32_t>& ids) const;
  void merge_short(BpeScratch& scratch) const;
  void merge_long(BpeScratch& scratch) const;

  BpeOptions options_;
  MergeTable merges_;
  std::array<int32_t, 256> byte_ids_{};  // byte_level: of the byte's character; else of "<0xNN>"; -1 for none
};

}  // namespace headwise
