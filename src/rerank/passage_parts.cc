// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "rerank/passage_parts.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "rerank/passage_text.h"
#include "rerank/text_windows.h"

namespace headwise {
namespace {

int word_count(std::string_view text) {
  int words = 0;
  bool in_word = false;
  for (size_t at = 0; at < text.size();) {
    const DecodedCodePoint c = code_point_at(text, at);
    const bool space = is_space(c.value);
    words += !space && !in_word ? 1 : 0;
    in_word = !space;
    at += c.bytes;
  }
  return words;
}

// A passage's parts, and what each takes of the prompt.
struct Divided {
  std::vector<PartText> parts;
  std::vector<int64_t> tokens;
  bool all = true;  // nothing of the passage is in no part
};

class PassageDivider {
 public:
  PassageDivider(const PartRules& rules, const PartTokens& count) : rules_(rules), count_(count) {}

  Result<Divided> divide(const Passage& passage, int index) const {
    Divided divided;
    const std::string whole = passage_text(passage);
    bool cut = false;
    const std::string text(first_words(whole, rules_.most_words, cut));
    if (rules_.long_passages == LongPassages::kCut || is_invisible(passage.text)) {
      divided.all = !cut;
      divided.parts.push_back({{.passage = index}, text});
      divided.tokens.push_back(0);
      return divided;
    }
    if (!cut) {
      auto tokens = count_(text);
      HW_RETURN_IF_ERROR(tokens);
      if (rules_.most_tokens == 0 || *tokens <= rules_.most_tokens) {
        divided.parts.push_back({{.passage = index}, text});
        divided.tokens.push_back(*tokens);
        return divided;
      }
    }
    HW_RETURN_IF_ERROR(add_windows(passage, index, divided));
    return divided;
  }

 private:
  // At most half of a window is the title, which stands before each.
  Result<std::string> title_of(const Passage& passage, bool& all) const {
    if (passage.title.empty()) return std::string();
    const WindowRules rules{.most_words = rules_.most_words == 0 ? 0 : std::max(1, rules_.most_words / 2),
                            .most_tokens = rules_.most_tokens / 2,
                            .most_windows = 1};
    const auto count = [this](std::string_view text) { return count_(std::string(text) + "\n"); };
    auto found = text_windows(passage.title, rules, count);
    HW_RETURN_IF_ERROR(found);
    all = all && found->all;
    if (found->windows.empty()) return std::string();
    return found->all ? passage.title + "\n" : passage.title.substr(0, found->windows.front().end) + "\n";
  }

  Status add_windows(const Passage& passage, int index, Divided& divided) const {
    auto title = title_of(passage, divided.all);
    HW_RETURN_IF_ERROR(title);
    const int words = rules_.most_words == 0 ? 0 : std::max(1, rules_.most_words - word_count(*title));
    const auto count = [&](std::string_view text) { return count_(*title + std::string(text)); };
    auto found = text_windows(
        passage.text,
        {.most_words = words, .most_tokens = rules_.most_tokens, .most_windows = rules_.most_windows}, count);
    HW_RETURN_IF_ERROR(found);
    divided.all = divided.all && found->all;
    int number = 0;
    for (const TextWindow& window : found->windows) {
      const std::string text = *title + passage.text.substr(window.begin, window.end - window.begin);
      auto tokens = count_(text);
      HW_RETURN_IF_ERROR(tokens);
      divided.tokens.push_back(*tokens);
      divided.parts.push_back(
          {{.passage = index,
            .window = PassageWindow{.number = number++, .begin = window.begin, .end = window.end}},
           text});
    }
    return {};
  }

  const PartRules& rules_;
  const PartTokens& count_;
};

// The most windows that each passage may have for all of them to have room.
size_t windows_with_room(const std::vector<Divided>& passages, const PartRules& rules) {
  size_t most = 1;
  for (const Divided& divided : passages) most = std::max(most, divided.parts.size());
  if (rules.most_together == 0 || rules.long_passages == LongPassages::kCut) return most;
  for (; most > 1; --most) {
    int64_t together = 0;
    for (const Divided& divided : passages) {
      for (size_t i = 0; i < std::min(most, divided.tokens.size()); ++i) {
        together += divided.tokens[i] + rules.around;
      }
    }
    if (together <= rules.most_together) break;
  }
  return most;
}

}  // namespace

std::string passage_name(const Passage& passage, int index) {
  return "documents[" + std::to_string(index) + "]" +
         (passage.id.empty() ? "" : " (id '" + passage.id + "')");
}

Result<std::vector<PartText>> divide_passages(std::span<const Passage> passages, const PartRules& rules,
                                              const PartTokens& count) {
  const PassageDivider divider(rules, count);
  std::vector<Divided> all;
  for (size_t i = 0; i < passages.size(); ++i) {
    const int index = static_cast<int>(i);
    if (is_invisible(passages[i].title) && is_invisible(passages[i].text)) {
      if (rules.leave_out_empty) continue;
      return fail(ErrorCode::kInvalidInput,
                  passage_name(passages[i], index) + " is empty; leave it out or give it a text");
    }
    auto divided = divider.divide(passages[i], index);
    if (!divided)
      return fail(std::move(divided.error()).with_context("reading " + passage_name(passages[i], index)));
    all.push_back(std::move(*divided));
  }
  const size_t most = windows_with_room(all, rules);
  std::vector<PartText> parts;
  for (Divided& divided : all) {
    const size_t count_of = std::min(most, divided.parts.size());
    const bool truncated = !divided.all || count_of < divided.parts.size();
    for (size_t i = 0; i < count_of; ++i) {
      PartText& made = divided.parts[i];
      made.part.truncated = truncated;
      if (count_of == 1) {
        made.part.window.reset();
      } else if (made.part.window) {
        made.part.window->count = static_cast<int>(count_of);
      }
      parts.push_back(std::move(made));
    }
  }
  return parts;
}

std::vector<int> best_parts(std::span<const PassagePart> parts, std::span<const double> scores,
                            size_t passages) {
  std::vector<int> best(passages, -1);
  for (size_t i = 0; i < parts.size(); ++i) {
    int& place = best[static_cast<size_t>(parts[i].passage)];
    if (place < 0 || scores[i] > scores[static_cast<size_t>(place)]) place = static_cast<int>(i);
  }
  return best;
}

}  // namespace headwise
