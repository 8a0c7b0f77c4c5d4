// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "rerank/prompt_pieces.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/utf8.h"
#include "rerank/passage_text.h"
#include "rerank/token_memory.h"

namespace headwise {
namespace {

using Ids = std::vector<int32_t>;

constexpr std::string_view kContentFreeQuery = "N/A";  // Chen et al. 2025, section 3.2

class PieceTokenizer {
 public:
  PieceTokenizer(const Tokenizer& tokenizer, const PromptRules& rules)
      : tokenizer_(tokenizer), rules_(rules) {}

  // Consecutive pieces of a chat format; `tail` joins the last text piece.
  Result<Ids> chat(const std::vector<ChatPiece>& pieces, const std::string& tail) const {
    Ids ids;
    bool joined = tail.empty();
    for (size_t i = 0; i < pieces.size(); ++i) {
      if (pieces[i].special) {
        const auto id = tokenizer_.special_id(pieces[i].text);
        if (!id) {
          return fail(ErrorCode::kUsage, "the model's vocabulary has no special token '" + pieces[i].text +
                                             "' that template '" + rules_.wording.name +
                                             "' needs; choose another --template or --chat-format");
        }
        ids.push_back(*id);
        continue;
      }
      const bool last = i + 1 == pieces.size();
      auto text = tokenizer_.encode(last ? pieces[i].text + tail : pieces[i].text);
      HW_RETURN_IF_ERROR(text);
      append(ids, *text);
      joined = joined || last;
    }
    if (!joined) {
      auto text = tokenizer_.encode(tail);
      HW_RETURN_IF_ERROR(text);
      append(ids, *text);
    }
    return ids;
  }

  Result<Ids> text(const std::string& text) const { return tokenizer_.encode(text); }

 private:
  const Tokenizer& tokenizer_;
  const PromptRules& rules_;
};

std::string marker_text(const std::string& marker, size_t place) {
  std::string text = marker;
  if (const size_t at = text.find("{n}"); at != std::string::npos)
    text.replace(at, 3, std::to_string(place + 1));
  return text;
}

// What is longer is not given to the tokenizer: tokens of more bytes are rare, texts of megabytes are not.
constexpr size_t kBytesPerToken = 128;
// Of the context that passages leave to a query.
constexpr int64_t kShareOfQuery = 8;

// The text as far as its first tokens reach.
std::string_view within_tokens(std::string_view text, int64_t most) {
  constexpr size_t kLongestWord = 256;
  const size_t bytes = std::max(static_cast<size_t>(most) * kBytesPerToken, 2 * kLongestWord);
  if (text.size() <= bytes) return text;
  size_t end = bytes;
  // Between words, where a cut leaves the tokens before it alone; else between characters.
  while (end > bytes - kLongestWord && text[end] != ' ' && text[end] != '\n') --end;
  if (end == bytes - kLongestWord) end = bytes;
  return text.substr(0, character_start(text, end));
}

class PassageTokenizer {
 public:
  // `most`: tokens of a part; positions of the context or of a slot bound them where nothing else does.
  PassageTokenizer(const PieceTokenizer& tokenize, const PromptRules& rules, int64_t most)
      : tokenize_(tokenize), rules_(rules), most_(most) {}

  Status run(std::span<const Passage> passages, std::span<const int> order, int64_t most_together,
             PromptPieces& pieces) {
    // The widest marker that is likely.
    const std::string marker = rules_.wording.marker_in_span ? marker_text(rules_.wording.marker, 998) : "";
    const auto count = [&](const std::string& text) -> Result<int64_t> {
      auto ids = tokens(marker + text);
      HW_RETURN_IF_ERROR(ids);
      return static_cast<int64_t>(ids->size());
    };
    auto parts = divide_passages(passages,
                                 {.long_passages = rules_.long_passages,
                                  .most_words = rules_.max_words,
                                  .most_tokens = most_,
                                  .most_windows = rules_.max_windows,
                                  .leave_out_empty = rules_.leave_out_empty,
                                  .most_together = most_together,
                                  .around = static_cast<int64_t>(pieces.separator.size())},
                                 count);
    HW_RETURN_IF_ERROR(parts);
    for (const PartText& part : *parts) pieces.parts.push_back(part.part);
    pieces.markers.resize(parts->size());
    pieces.passages.resize(parts->size());
    std::vector<size_t> first(passages.size(), parts->size());
    for (size_t place = parts->size(); place > 0; --place) {
      first[static_cast<size_t>((*parts)[place - 1].part.passage)] = place - 1;
    }
    for (const int passage : order) {
      for (size_t place = first[static_cast<size_t>(passage)];
           place < parts->size() && (*parts)[place].part.passage == passage; ++place) {
        HW_RETURN_IF_ERROR(add((*parts)[place].text, passages[static_cast<size_t>(passage)], place, pieces));
      }
    }
    return {};
  }

 private:
  Result<Ids> tokens(const std::string& text) {
    TokenMemory* known = rules_.known;
    if (known == nullptr && rules_.long_passages == LongPassages::kChunk) known = &counted_;
    const std::string within(within_tokens(text, most_));
    if (known != nullptr) {
      if (const Ids* found = known->find(within)) return *found;
    }
    auto ids = tokenize_.text(within);
    if (ids && known != nullptr) known->keep(within, *ids);
    return ids;
  }

  // The part at the next place of the prompt.
  Status add(const std::string& part, const Passage& passage, size_t at, PromptPieces& pieces) {
    PassagePart& made = pieces.parts[at];
    const std::string marker = marker_text(rules_.wording.marker, pieces.order.size());
    const bool in_span = rules_.wording.marker_in_span;
    if (!in_span && !marker.empty()) {
      auto ids = tokenize_.text(marker);
      HW_RETURN_IF_ERROR(ids);
      pieces.markers[at] = std::move(*ids);
    }
    const std::string text = in_span ? marker + part : part;
    auto ids = tokens(text);
    if (!ids)
      return fail(std::move(ids.error()).with_context("reading " + passage_name(passage, made.passage)));
    const auto room = static_cast<size_t>(std::max<int64_t>(1, most_));
    if (ids->size() > room || text.size() > within_tokens(text, most_).size()) {
      ids->resize(std::min(room, ids->size()));
      made.truncated = true;
    }
    pieces.order.push_back(static_cast<int>(at));
    pieces.passage_tokens += static_cast<int64_t>(ids->size());
    pieces.passages[at] = std::move(*ids);
    return {};
  }

  const PieceTokenizer& tokenize_;
  const PromptRules& rules_;
  const int64_t most_;
  TokenMemory counted_{size_t{4} << 20};  // parts are counted before they are written
};

// How long a part may be, and all together.
struct Room {
  int64_t part = 0;
  int64_t together = 0;  // 0: any number
};

// Of what the prompt takes without passages and queries.
Result<Room> room_of(const PromptRules& rules, const PromptPieces& pieces, const Ids& marker) {
  const auto size = [](const Ids& ids) { return static_cast<int64_t>(ids.size()); };
  const int64_t around = size(pieces.separator) + size(marker);
  const int64_t fixed = size(pieces.prefix) + size(pieces.instruction) + size(pieces.closing);
  const int64_t context = rules.context - rules.context / kShareOfQuery - fixed;
  Room room{.part = context - around};
  if (rules.max_tokens > 0) room.part = std::min<int64_t>(room.part, rules.max_tokens);
  if (rules.block_span > 0 && rules.encoding == Encoding::kBlocks)
    room.part = std::min(room.part, rules.block_span - around);
  if (rules.max_prompt_tokens > 0)
    room.together = rules.max_prompt_tokens - rules.max_prompt_tokens / kShareOfQuery - fixed;
  if (rules.encoding == Encoding::kList)
    room.together = room.together > 0 ? std::min(room.together, context) : context;
  if (room.part > 0) return room;
  const bool own = !rules.instruction.empty();
  return fail(ErrorCode::kResourceLimit,
              "the template " + std::string(own ? "with --instruction" : "alone") + " takes " +
                  std::to_string(fixed + around) + " tokens; the model has " + std::to_string(rules.context) +
                  " positions" +
                  (rules.block_span > 0 ? " and --block-span is " + std::to_string(rules.block_span) : "") +
                  ": nothing is left for a passage" + (own ? "; shorten the instruction" : ""));
}

}  // namespace

PromptPieces::Ids PromptPieces::slot(size_t part) const {
  Ids ids = markers[part];
  append(ids, passages[part]);
  append(ids, separator);
  return ids;
}

Result<PromptPieces> tokenize_slots(const Tokenizer& tokenizer, const PromptRules& rules,
                                    std::span<const Passage> passages, std::span<const int> order) {
  const PieceTokenizer tokenize(tokenizer, rules);
  PromptPieces pieces;
  if (rules.chat.bos) {
    if (const auto bos = tokenizer.bos_id()) pieces.prefix.push_back(*bos);
  }
  auto opening = tokenize.chat(rules.wording.opening.value_or(rules.chat.opening), rules.wording.lead);
  HW_RETURN_IF_ERROR(opening);
  append(pieces.prefix, *opening);
  auto separator = tokenize.text(rules.wording.separator);
  HW_RETURN_IF_ERROR(separator);
  pieces.separator = std::move(*separator);
  auto asked = instruction_with(rules.wording, rules.instruction);
  HW_RETURN_IF_ERROR(asked);
  auto instruction = tokenize.text(*asked);
  if (!instruction) return fail(std::move(instruction.error()).with_context("reading the instruction"));
  pieces.instruction = std::move(*instruction);
  auto closing = tokenize.chat(rules.wording.closing.value_or(rules.chat.closing), "");
  HW_RETURN_IF_ERROR(closing);
  pieces.closing = std::move(*closing);
  if (passages.empty()) return pieces;
  const bool apart = !rules.wording.marker_in_span && !rules.wording.marker.empty();
  auto marker = apart ? tokenize.text(marker_text(rules.wording.marker, 998)) : Result<Ids>(Ids{});
  HW_RETURN_IF_ERROR(marker);
  auto room = room_of(rules, pieces, *marker);
  HW_RETURN_IF_ERROR(room);
  PassageTokenizer tokenizer_of_passages(tokenize, rules, room->part);
  HW_RETURN_IF_ERROR(tokenizer_of_passages.run(passages, order, room->together, pieces));
  return pieces;
}

Result<PromptPieces> tokenize_prompt(const Tokenizer& tokenizer, const PromptRules& rules,
                                     std::span<const std::string_view> queries,
                                     std::span<const Passage> passages, std::span<const int> order) {
  auto pieces = tokenize_slots(tokenizer, rules, passages, order);
  HW_RETURN_IF_ERROR(pieces);
  const PieceTokenizer tokenize(tokenizer, rules);
  pieces->queries.resize(queries.size());
  std::vector<std::pair<std::string, Ids*>> texts{
      {rules.wording.query_prefix + std::string(kContentFreeQuery), &pieces->content_free}};
  for (size_t i = 0; i < queries.size(); ++i) {
    texts.emplace_back(rules.wording.query_prefix + std::string(queries[i]), &pieces->queries[i]);
  }
  for (const auto& [text, target] : texts) {
    auto ids = tokenize.text(text);
    if (!ids) return fail(std::move(ids.error()).with_context("reading the query"));
    *target = std::move(*ids);
  }
  return pieces;
}

}  // namespace headwise
