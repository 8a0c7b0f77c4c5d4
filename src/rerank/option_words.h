// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: how flags and files spell the choices of RerankerOptions and ModelOptions. The first row
// of each table is the default.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "headwise/keep.h"
#include "headwise/model.h"
#include "headwise/reranker.h"

namespace headwise {

template <typename T>
struct Word {
  const char* word;
  T value;
};

inline constexpr std::array<Word<Encoding>, 2> kEncodingWords{
    {{"blocks", Encoding::kBlocks}, {"list", Encoding::kList}}};
inline constexpr std::array<Word<Calibration>, 3> kCalibrationWords{
    {{"ratio", Calibration::kRatio}, {"na", Calibration::kNa}, {"none", Calibration::kNone}}};
inline constexpr std::array<Word<TokenFilter>, 2> kTokenFilterWords{
    {{"low", TokenFilter::kLow}, {"none", TokenFilter::kNone}}};
inline constexpr std::array<Word<std::optional<QueryRows>>, 4> kRowsWords{
    {{"template", std::nullopt},
     {"all", QueryRows::kAll},
     {"instruction+query", QueryRows::kInstructionAndQuery},
     {"query", QueryRows::kQuery}}};
inline constexpr std::array<Word<CandidateOrder>, 3> kOrderWords{{{"given", CandidateOrder::kGiven},
                                                                  {"reversed", CandidateOrder::kReversed},
                                                                  {"shuffled", CandidateOrder::kShuffled}}};

inline constexpr std::array<Word<ScoreKind>, 4> kScoreWords{{{"raw", ScoreKind::kRaw},
                                                             {"relevance", ScoreKind::kRelevance},
                                                             {"softmax", ScoreKind::kSoftmax},
                                                             {"minmax", ScoreKind::kMinmax}}};

inline constexpr std::array<Word<LongPassages>, 2> kLongPassagesWords{
    {{"cut", LongPassages::kCut}, {"chunk", LongPassages::kChunk}}};

inline constexpr std::array<Word<KeptType>, 3> kKeptTypeWords{
    {{"fp32", KeptType::kFloat32}, {"bf16", KeptType::kBfloat16}, {"int8", KeptType::kInt8}}};

inline constexpr std::array<Word<ModelOptions::Weights>, 2> kWeightsWords{
    {{"stored", ModelOptions::Weights::kStored}, {"fp32", ModelOptions::Weights::kFloat32}}};

inline constexpr std::array<Word<Precision>, 4> kPrecisionWords{{{"fp32", Precision::kFloat32},
                                                                 {"bf16", Precision::kBfloat16},
                                                                 {"int8", Precision::kInt8},
                                                                 {"auto", Precision::kAuto}}};

// What a word means; nothing when the table has no such word.
template <typename T, size_t n>
std::optional<T> meaning_of(const std::array<Word<T>, n>& words, std::string_view given) {
  for (const Word<T>& row : words) {
    if (given == row.word) return row.value;
  }
  return std::nullopt;
}

// The word for a value of the table.
template <typename T, size_t n>
const char* word_of(const std::array<Word<T>, n>& words, T value) {
  for (const Word<T>& row : words) {
    if (row.value == value) return row.word;
  }
  return words.front().word;
}

template <typename T, size_t n>
std::vector<std::string> words_of(const std::array<Word<T>, n>& words) {
  std::vector<std::string> names;
  for (const Word<T>& row : words) names.emplace_back(row.word);
  return names;
}

}  // namespace headwise
