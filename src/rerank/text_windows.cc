// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "rerank/text_windows.h"

#include <algorithm>
#include <optional>

#include "base/check.h"
#include "base/utf8.h"
#include "rerank/passage_text.h"

namespace headwise {
namespace {

// No window is looked for in more bytes than this a token: a token of more is rare, and counting costs.
constexpr size_t kBytesOfToken = 8;

// A place where a window may end, and where the next one may begin: behind the white space.
struct Border {
  size_t end = 0;
  size_t next = 0;
};
struct Borders {
  std::vector<Border> sentences;  // the rule of `ends_sentence`, and blank lines
  std::vector<Border> words;
};

enum class Stop { kNone, kBeforeSpace, kAnywhere };

// What ends a sentence: with white space behind it, or by itself where a script writes none.
Stop stop_of(char32_t c) {
  constexpr std::u32string_view kBeforeSpace =
      U".!?\u2026\u203C\u2047\u2048\u2049\u061F\u06D4\u0964\u0965\u0589\u1362";
  constexpr std::u32string_view kAnywhere = U"\u3002\uFF01\uFF1F\uFF0E\uFF61";
  if (kAnywhere.find(c) != kAnywhere.npos) return Stop::kAnywhere;
  return kBeforeSpace.find(c) != kBeforeSpace.npos ? Stop::kBeforeSpace : Stop::kNone;
}

// Quotes and brackets that still belong to the sentence.
bool closes(char32_t c) {
  constexpr std::u32string_view kClosing =
      U"\"')]}\u00BB\u2019\u201D\u203A\u3009\u300B\u300D\u300F\u3011\uFF09";
  return kClosing.find(c) != kClosing.npos;
}

bool small_letter(char32_t c) { return c >= U'a' && c <= U'z'; }

// One walk over text[begin, end).
Borders borders_of(std::string_view text, size_t begin, size_t end) {
  Borders borders;
  Stop stop = Stop::kNone;
  for (size_t at = begin; at < end;) {
    const DecodedCodePoint c = code_point_at(text, at);
    if (is_space(c.value)) {
      Border border{at, at};
      int line_ends = 0;
      char32_t behind = 0;
      while (border.next < text.size()) {
        const DecodedCodePoint space = code_point_at(text, border.next);
        behind = space.value;
        if (!is_space(behind)) break;
        line_ends += behind == U'\n' || behind == U'\u2029' ? 1 : 0;
        border.next += space.bytes;
      }
      // "e.g. this" goes on.
      const bool sentence = stop == Stop::kAnywhere || (stop == Stop::kBeforeSpace && !small_letter(behind));
      if (border.end > begin) {
        borders.words.push_back(border);
        if (sentence || line_ends > 1) borders.sentences.push_back(border);
      }
      stop = Stop::kNone;
      at = border.next;
      continue;
    }
    const Stop now = stop_of(c.value);
    if (now != Stop::kNone) {
      stop = stop == Stop::kAnywhere ? stop : now;
    } else if (!closes(c.value)) {
      if (stop == Stop::kAnywhere) borders.sentences.push_back({at, at});
      stop = Stop::kNone;
    }
    at += c.bytes;
  }
  return borders;
}

class Divider {
 public:
  Divider(std::string_view text, const WindowRules& rules, const TokenCount& count)
      : text_(text), rules_(rules), count_(count) {}

  Result<TextWindows> run() {
    TextWindows found;
    size_t begin = behind_space(0);
    while (begin < text_.size()) {
      if (static_cast<int64_t>(found.windows.size()) == rules_.most_windows) {
        found.all = false;
        return found;
      }
      auto end = end_of(begin);
      HW_RETURN_IF_ERROR(end);
      const size_t last_end = found.windows.empty() ? 0 : found.windows.back().end;
      if (*end <= last_end) {  // what overlaps takes all the room
        begin = behind_space(last_end);
        continue;
      }
      found.windows.push_back({begin, *end});
      if (behind_space(*end) == text_.size()) break;
      begin = begin_after(found.windows.back());
    }
    HW_RETURN_IF_ERROR(fill_last(found.windows));
    return found;
  }

 private:
  size_t behind_space(size_t at) const {
    while (at < text_.size()) {
      const DecodedCodePoint c = code_point_at(text_, at);
      if (!is_space(c.value)) break;
      at += c.bytes;
    }
    return at;
  }

  size_t before_space(size_t begin, size_t end) const {
    const Borders borders = borders_of(text_, begin, end);
    const bool trailing = !borders.words.empty() && borders.words.back().next >= end;
    return trailing ? borders.words.back().end : end;
  }

  Result<bool> fits(size_t begin, size_t end, int64_t& tokens) const {
    tokens = 0;
    if (rules_.most_tokens == 0) return true;
    auto counted = count_(text_.substr(begin, end - begin));
    HW_RETURN_IF_ERROR(counted);
    tokens = *counted;
    return tokens <= rules_.most_tokens;
  }

  // The furthest end that words allow, and about the furthest that tokens do.
  size_t furthest(size_t begin) const {
    std::string_view rest = text_.substr(begin);
    if (rules_.most_tokens > 0) {
      const size_t most = static_cast<size_t>(rules_.most_tokens) * kBytesOfToken;
      if (rest.size() > most) rest = rest.substr(0, character_start(rest, most));
    }
    bool cut = false;
    return begin + first_words(rest, static_cast<int>(rules_.most_words), cut).size();
  }

  // The end of the window that begins here.
  Result<size_t> end_of(size_t begin) const {
    size_t limit = furthest(begin);
    for (;;) {
      const size_t end = limit == text_.size() ? before_space(begin, limit) : last_border(begin, limit);
      int64_t tokens = 0;
      const auto room = fits(begin, end, tokens);
      HW_RETURN_IF_ERROR(room);
      if (*room) return end;
      // A sixteenth less than what would do if all of it were alike.
      const size_t size = end - begin;
      const auto share = static_cast<double>(rules_.most_tokens) / static_cast<double>(tokens);
      const auto next = static_cast<size_t>(static_cast<double>(size) * std::min(share, 1.0) * 15.0 / 16.0);
      limit = character_start(text_, begin + next);
      if (limit <= begin) return begin + code_point_at(text_, begin).bytes;
    }
  }

  // A sentence's end in the second half, else a word's, else a character's.
  size_t last_border(size_t begin, size_t limit) const {
    const Borders borders = borders_of(text_, begin, std::min(limit + 1, text_.size()));
    const size_t half = begin + (limit - begin) / 2;
    for (const std::vector<Border>* kind : {&borders.sentences, &borders.words}) {
      const auto last = std::find_if(kind->rbegin(), kind->rend(), [&](const Border& border) {
        return border.end > half && border.end <= limit;
      });
      if (last != kind->rend()) return last->end;
    }
    return before_space(begin, limit);
  }

  // Where the next window begins: with the first sentence of the last quarter. Where there is none, a window
  // that ends with a sentence is not overlapped, any other from a word of its last eighth, or a character.
  size_t begin_after(const TextWindow& window) const {
    const size_t size = window.end - window.begin;
    const Borders borders = borders_of(text_, window.begin, std::min(window.end + 1, text_.size()));
    const auto first_from = [&](const std::vector<Border>& kind, size_t from) -> std::optional<size_t> {
      for (const Border& border : kind) {
        if (border.next >= from && border.next > window.begin && border.next < window.end) return border.next;
      }
      return std::nullopt;
    };
    if (const auto sentence = first_from(borders.sentences, window.end - size / 4)) return *sentence;
    if (!borders.sentences.empty() && borders.sentences.back().end == window.end)
      return behind_space(window.end);
    if (const auto word = first_from(borders.words, window.end - size / 8)) return *word;
    const size_t character = character_start(text_, window.end - size / 8);
    return character > window.begin ? behind_space(character) : behind_space(window.end);
  }

  // A short rest at the end is read with more of what stands before it: a sum over few tokens would not
  // compare with the others.
  Status fill_last(std::vector<TextWindow>& windows) const {
    if (windows.size() < 2) return {};
    TextWindow& last = windows.back();
    const TextWindow& before = windows[windows.size() - 2];
    const size_t usual = before.end - before.begin;
    if (last.end - last.begin >= usual / 2) return {};
    const size_t wanted = last.end - usual * 3 / 4;
    const Borders borders = borders_of(text_, before.begin, last.end);
    for (const std::vector<Border>* kind : {&borders.sentences, &borders.words}) {
      // The first that is not before the place, or the last before it.
      std::optional<size_t> begin;
      for (const Border& border : *kind) {
        if (border.next <= before.begin || border.next >= last.begin) continue;
        begin = border.next;
        if (border.next >= wanted) break;
      }
      if (!begin) continue;
      const std::string_view filled = text_.substr(*begin, last.end - *begin);
      bool too_many_words = false;
      first_words(filled, static_cast<int>(rules_.most_words), too_many_words);
      int64_t tokens = 0;
      const auto room = fits(*begin, last.end, tokens);
      HW_RETURN_IF_ERROR(room);
      if (!*room || too_many_words) continue;
      last.begin = *begin;
      break;
    }
    return {};
  }

  std::string_view text_;
  const WindowRules& rules_;
  const TokenCount& count_;
};

}  // namespace

Result<TextWindows> text_windows(std::string_view text, const WindowRules& rules, const TokenCount& count) {
  return Divider(text, rules, count).run();
}

}  // namespace headwise
