// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Merging against its definition: look for the pair of the lowest rank, the leftmost of equals, until none is
// left.
#include "tokenizer/bpe.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "tokenizer/score_bpe.h"

namespace headwise {
namespace {

// A vocabulary over a, b, c in which longer tokens are made by merging shorter ones, in random order.
struct RandomModel {
  explicit RandomModel(unsigned seed) : random(seed) {
    texts = {"a", "b", "c"};
    while (merges.size() < 60) {
      const std::string left = texts[random() % texts.size()];
      const std::string right = texts[random() % texts.size()];
      if (left.size() + right.size() > 12) continue;
      if (std::ranges::find(texts, left + right) == texts.end()) texts.push_back(left + right);
      merges.emplace_back(left, right);
    }
    std::vector<Vocabulary::Entry> entries;
    for (size_t i = 0; i < texts.size(); ++i) entries.push_back({texts[i], static_cast<int64_t>(i)});
    vocabulary = *Vocabulary::build(entries);
    std::vector<Bpe::TextPair> pairs;
    for (const auto& [left, right] : merges) pairs.push_back({left, right});
    bpe = *Bpe::build(vocabulary, pairs, {});
  }

  std::vector<int32_t> by_definition(const std::string& word) const {
    std::map<std::pair<std::string, std::string>, size_t> ranks;
    for (size_t rank = 0; rank < merges.size(); ++rank) ranks[merges[rank]] = rank;
    std::vector<std::string> parts;
    for (char c : word) parts.emplace_back(1, c);
    while (true) {
      size_t best = merges.size();
      size_t at = 0;
      for (size_t i = 0; i + 1 < parts.size(); ++i) {
        const auto rank = ranks.find({parts[i], parts[i + 1]});
        if (rank != ranks.end() && rank->second < best) {
          best = rank->second;
          at = i;
        }
      }
      if (best == merges.size()) break;
      parts[at] += parts[at + 1];
      parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(at) + 1);
    }
    std::vector<int32_t> ids;
    for (const std::string& part : parts) ids.push_back(*vocabulary.find(part));
    return ids;
  }

  std::string word(size_t length) {
    std::string text;
    for (size_t i = 0; i < length; ++i) text.push_back(static_cast<char>('a' + random() % 3));
    return text;
  }

  std::mt19937 random;
  std::vector<std::string> texts;
  std::vector<std::pair<std::string, std::string>> merges;
  Vocabulary vocabulary;
  Bpe bpe;
};

TEST(Bpe, MergesAsDefinedAtEveryLength) {
  for (unsigned seed = 0; seed < 20; ++seed) {
    RandomModel model(seed);
    BpeScratch scratch;
    for (size_t length = 0; length <= 150; ++length) {  // both sides of where the heap takes over
      const std::string word = model.word(length);
      std::vector<int32_t> ids;
      model.bpe.encode(model.vocabulary, word, scratch, ids);
      ASSERT_EQ(ids, model.by_definition(word)) << "seed " << seed << " word " << word;
    }
  }
}

TEST(Bpe, UnknownCharacters) {
  const Vocabulary vocabulary = *Vocabulary::build({{"<unk>", 0}, {"a", 1}, {"<0xC3>", 2}, {"<0xA9>", 3}});
  const auto encode = [&](BpeOptions options, std::string_view word) {
    options.unknown = 0;
    BpeScratch scratch;
    std::vector<int32_t> ids;
    Bpe::build(vocabulary, {}, options)->encode(vocabulary, word, scratch, ids);
    return ids;
  };
  using Ids = std::vector<int32_t>;
  EXPECT_EQ(encode({}, "xya"), (Ids{0, 0, 1}));
  EXPECT_EQ(encode({.fuse_unknown = true}, "xya"), (Ids{0, 1}));
  EXPECT_EQ(encode({.byte_fallback = true}, "a\u00e9a"), (Ids{1, 2, 3, 1}));
  EXPECT_EQ(encode({.byte_fallback = true}, "a\u00e8a"), (Ids{1, 0, 1}));  // <0xA8> is not there
}

TEST(Bpe, AMegabyteWithoutBlanks) {
  RandomModel model(1);
  const std::string word = model.word(size_t{1} << 20);
  BpeScratch scratch;
  std::vector<int32_t> ids;
  model.bpe.encode(model.vocabulary, word, scratch, ids);
  std::string joined;
  for (int32_t id : ids) joined += model.vocabulary.text(id);
  EXPECT_EQ(joined, word);
}

TEST(ScoreBpe, HighestScoreFirstThenLeftmost) {
  const Vocabulary vocabulary =
      *Vocabulary::build({{"<unk>", 0}, {"a", 1}, {"b", 2}, {"ab", 3}, {"ba", 4}, {"aa", 5}, {"aba", 6}});
  std::vector<PieceType> types(7, PieceType::kNormal);
  types[0] = PieceType::kUnknown;
  const auto encode = [&](std::vector<float> scores, std::string_view text) {
    std::vector<int32_t> ids;
    ScoreBpe::build(vocabulary, std::move(scores), types, 0)->encode(vocabulary, text, ids);
    return ids;
  };
  using Ids = std::vector<int32_t>;
  EXPECT_EQ(encode({0, 0, 0, -1, -2, -3, -4}, "aba"), (Ids{6}));
  EXPECT_EQ(encode({0, 0, 0, -2, -1, -3, -4}, "abab"), (Ids{6, 2}));     // a ba b, then aba
  EXPECT_EQ(encode({0, 0, 0, -2, -2, -2, -2}, "aaa"), (Ids{5, 1}));      // equal: from the left
  EXPECT_EQ(encode({0, 0, 0, -2, -2, -2, -2}, "axxb"), (Ids{1, 0, 2}));  // unknown pieces are one
}

// As llama.cpp's converter writes Gemma's runs of spaces: with spaces, beside pieces that have "▁".
TEST(ScoreBpe, UserDefinedPiecesAreFoundWhicheverWayTheirSpacesAreWritten) {
  const Vocabulary vocabulary =
      *Vocabulary::build({{"<unk>", 0}, {"a", 1}, {"\u2581", 2}, {"  ", 3}, {"\u2581a", 4}, {"   ", 5}});
  std::vector<PieceType> types(6, PieceType::kNormal);
  types[0] = PieceType::kUnknown;
  types[3] = types[5] = PieceType::kUserDefined;
  const auto bpe = ScoreBpe::build(vocabulary, {0, 0, 0, 0, -1, 0}, types, 0);
  ASSERT_TRUE(bpe) << bpe.error().to_string();
  const auto encode = [&](int spaces) {
    std::string text;
    for (int i = 0; i < spaces; ++i) text += "\u2581";
    std::vector<int32_t> ids;
    bpe->encode(vocabulary, text + "a", ids);
    return ids;
  };
  using Ids = std::vector<int32_t>;
  EXPECT_EQ(encode(1), (Ids{4}));
  EXPECT_EQ(encode(2), (Ids{3, 1}));
  EXPECT_EQ(encode(3), (Ids{5, 1}));
  EXPECT_EQ(encode(5), (Ids{5, 3, 1}));
}

}  // namespace
}  // namespace headwise
