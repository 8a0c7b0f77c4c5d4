// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// How flags and files spell what is kept of passages.
#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "headwise/keep.h"

namespace headwise {
namespace {

template <typename T>
struct Word {
  std::string_view word;
  T value;
};
constexpr std::array<Word<KeptType>, 3> kTypes{
    {{"fp32", KeptType::kFloat32}, {"bf16", KeptType::kBfloat16}, {"int8", KeptType::kInt8}}};
constexpr std::array<Word<BudgetSplit>, 4> kSplits{{{"uniform", BudgetSplit::kUniform},
                                                    {"depth", BudgetSplit::kDepth},
                                                    {"pyramid", BudgetSplit::kPyramid},
                                                    {"join", BudgetSplit::kJoin}}};
constexpr std::array<Word<BudgetTokens>, 3> kTokens{
    {{"every", BudgetTokens::kEvery}, {"received", BudgetTokens::kReceived}, {"norm", BudgetTokens::kNorm}}};

template <typename T, size_t n>
std::optional<T> meaning(const std::array<Word<T>, n>& words, std::string_view text) {
  for (const Word<T>& row : words) {
    if (row.word == text) return row.value;
  }
  return std::nullopt;
}

template <typename T, size_t n>
std::string word(const std::array<Word<T>, n>& words, T value) {
  for (const Word<T>& row : words) {
    if (row.value == value) return std::string(row.word);
  }
  return {};
}

template <typename T>
std::optional<T> number(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<double> share(std::string_view text) {
  const size_t slash = text.find('/');
  const auto over = number<double>(text.substr(0, slash));
  if (slash == std::string_view::npos || !over) return over;
  const auto under = number<double>(text.substr(slash + 1));
  if (!under || *under == 0.0) return std::nullopt;
  return *over / *under;
}

tl::unexpected<Error> wrong(const std::string& why) {
  return fail(ErrorCode::kUsage, why +
                                     "; a budget is B[,split=uniform|depth|pyramid|join:L]"
                                     "[,tokens=every|received|norm] with B from 1/32 to 1, such as "
                                     "0.25,split=pyramid");
}

bool read_split(std::string_view text, KeepBudget& budget) {
  constexpr std::string_view kJoin = "join:";
  if (text.starts_with(kJoin)) {
    const auto layer = number<int>(text.substr(kJoin.size()));
    if (!layer || *layer < 0) return false;
    budget.split = BudgetSplit::kJoin;
    budget.join = *layer;
    return true;
  }
  const auto split = meaning(kSplits, text);
  if (!split || *split == BudgetSplit::kJoin) return false;
  budget.split = *split;
  return true;
}

}  // namespace

Result<KeepBudget> parse_keep_budget(std::string_view text) {
  KeepBudget budget;
  size_t begin = 0;
  for (int place = 0; begin <= text.size(); ++place) {
    const size_t end = std::min(text.find(',', begin), text.size());
    const std::string_view part = text.substr(begin, end - begin);
    begin = end + 1;
    const size_t equals = part.find('=');
    const std::string_view name = part.substr(0, equals);
    const std::string_view value = equals == std::string_view::npos ? "" : part.substr(equals + 1);
    if (place == 0) {
      const auto given = share(part);
      if (!given || !(*given >= kLeastShare && *given <= 1.0)) {
        return wrong("'" + std::string(part) + "' is no share of the tokens");
      }
      budget.share = *given;
    } else if (name == "split") {
      if (!read_split(value, budget)) return wrong("'" + std::string(part) + "' names no split");
    } else if (name == "tokens") {
      const auto tokens = meaning(kTokens, value);
      if (!tokens) return wrong("'" + std::string(part) + "' names no rule");
      budget.tokens = *tokens;
    } else {
      return wrong("'" + std::string(part) + "' is neither split=... nor tokens=...");
    }
  }
  return budget;
}

std::string to_string(const KeepBudget& budget) {
  std::array<char, 32> digits{};
  const auto written = std::to_chars(digits.data(), digits.data() + digits.size(), budget.share);
  std::string text(digits.data(), written.ptr);
  if (budget.split != BudgetSplit::kUniform) {
    text += ",split=" + word(kSplits, budget.split);
    if (budget.split == BudgetSplit::kJoin) text += ":" + std::to_string(budget.join);
  }
  if (budget.tokens != BudgetTokens::kEvery) text += ",tokens=" + word(kTokens, budget.tokens);
  return text;
}

Result<KeptType> parse_kept_type(std::string_view text) {
  if (const auto type = meaning(kTypes, text)) return *type;
  return fail(ErrorCode::kUsage,
              "'" + std::string(text) + "' is no type to keep passages in; use fp32, bf16 or int8");
}

std::string to_string(KeptType type) { return word(kTypes, type); }

}  // namespace headwise
