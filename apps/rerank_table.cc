// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The table that a person reads:
//
//   rank  was        score
//      1    7  ▲6   0.0412  ██████████  [d7] Title. Beginning of the text…
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "base/digits.h"
#include "common/terminal.h"
#include "rerank_modes.h"

namespace headwise {
namespace {

// A passage's text needs this much; where there is less, the bar goes, then the place it came from.
constexpr int kTextColumns = 20;
constexpr int kBarColumns = 12;
constexpr int kRankColumns = 4;
constexpr int kWasColumns = 11;  // " was  move"

struct Palette {
  const char *up, *down, *faint, *strong, *bar, *end;
};
constexpr Palette kColours{"\x1b[32m", "\x1b[31m", "\x1b[2m", "\x1b[1m", "\x1b[36m", "\x1b[0m"};
constexpr Palette kPlain{"", "", "", "", "", ""};

template <typename... Values>
std::string print(const char* format, Values... values) {
  std::array<char, 128> text{};
  std::snprintf(text.data(), text.size(), format, values...);
  return text.data();
}

// 1712 -> "1,712".
std::string grouped(int64_t number) {
  std::string digits = std::to_string(number);
  for (auto at = static_cast<int64_t>(digits.size()) - 3; at > 0; at -= 3)
    digits.insert(static_cast<size_t>(at), ",");
  return digits;
}

int score_decimals(const std::vector<ScoredPassage>& hits) {
  double largest = 0.0;
  for (const ScoredPassage& hit : hits) largest = std::max(largest, std::abs(hit.score));
  return decimals_for(largest);
}

// "[d7] Title. Text", "[d7, part 2 of 5] Title. Its text", "[d7, cut] …", "[d7, empty]".
std::string passage_line(const Passage& passage, const ScoredPassage& hit, int columns) {
  std::string line = "[" + passage.id;
  std::string_view text = passage.text;
  if (hit.window) {
    line += ", part " + std::to_string(hit.window->number + 1) + " of " + std::to_string(hit.window->count);
    text = text.substr(hit.window->begin, hit.window->end - hit.window->begin);
  } else if (hit.truncated) {
    line += ", cut";
  } else if (hit.empty) {
    line += ", empty";
  }
  line += "] ";
  if (!passage.title.empty()) line += passage.title + (passage.title.ends_with('.') ? " " : ". ");
  return cut_to_columns(line + std::string(text), columns);
}

std::string footer(const Answer& answer) {
  const RankingStatistics& statistics = answer.ranking->statistics;
  if (answer.heads.empty()) return "the first stage's order; " + print("%.3f s", answer.seconds);
  std::string text = "read " + answer.heads + "; " + std::to_string(statistics.layers_run) + " layers run; " +
                     grouped(statistics.prompt_tokens) + " tokens; " + print("%.2f s", answer.seconds);
  if (answer.seconds > 0) {
    text += "; " + grouped(std::llround(static_cast<double>(statistics.prompt_tokens) / answer.seconds)) +
            " tokens/s";
  }
  if (statistics.passages_kept > 0) {
    text += "; " + grouped(statistics.passages_kept) +
            (statistics.passages_kept == 1 ? " passage was kept, " : " passages were kept, ") +
            grouped(statistics.tokens_run) + " tokens run";
  }
  if (statistics.windows > 0) {
    text += "; long passages were read in " + grouped(statistics.windows) + " windows";
  }
  if (statistics.truncated_passages > 0) {
    text += "; " + grouped(statistics.truncated_passages) +
            (statistics.truncated_passages == 1 ? " passage was cut" : " passages were cut");
  }
  return text;
}

}  // namespace

std::string format_table(const Answer& answer, int columns, bool colours) {
  const Palette& paint = colours ? kColours : kPlain;
  const std::vector<ScoredPassage>& hits = answer.ranking->passages;
  const int decimals = score_decimals(hits);
  double low = 0.0, high = 0.0;
  for (size_t i = 0; i < hits.size(); ++i) {
    low = i == 0 ? hits[i].score : std::min(low, hits[i].score);
    high = i == 0 ? hits[i].score : std::max(high, hits[i].score);
  }
  int score_columns = 5;
  for (const ScoredPassage& hit : hits) {
    score_columns = std::max(score_columns, display_columns(print("%.*f", decimals, hit.score)));
  }
  int text_columns = columns - (kRankColumns + kWasColumns + kBarColumns + score_columns + 6);
  const bool with_bar = text_columns >= kTextColumns;
  if (!with_bar) text_columns += kBarColumns + 2;
  const bool with_was = text_columns >= kTextColumns;
  if (!with_was) text_columns += kWasColumns;
  std::string table = std::string(paint.strong) + cut_to_columns(answer.query, columns) + paint.end + "\n";
  table += paint.faint + std::string(with_was ? "rank  was        " : "rank  ") +
           pad_to_columns("score", score_columns, false) + paint.end + "\n";
  int rank = 0;
  for (const ScoredPassage& hit : hits) {
    const int was = hit.index + 1;
    const int change = was - ++rank;
    const std::string move = change > 0   ? "▲" + std::to_string(change)
                             : change < 0 ? "▼" + std::to_string(-change)
                                          : "=";
    const char* move_colour = change > 0 ? paint.up : change < 0 ? paint.down : paint.faint;
    // The last one of a list has no bar: bars show the distance to it.
    const double share = high > low ? (hit.score - low) / (high - low) : 1.0;
    table += print("%4d", rank);
    if (with_was) table += print(" %4d  ", was) + move_colour + pad_to_columns(move, 5) + paint.end;
    table += (with_was ? " " : "  ") +
             pad_to_columns(print("%.*f", decimals, hit.score), score_columns, false) + "  ";
    if (with_bar)
      table += paint.bar + pad_to_columns(bar_of(share, kBarColumns), kBarColumns) + paint.end + "  ";
    table += passage_line(answer.passages[static_cast<size_t>(hit.index)], hit, text_columns) + "\n";
  }
  return table + paint.faint + footer(answer) + paint.end + "\n";
}

}  // namespace headwise
