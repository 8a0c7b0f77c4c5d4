// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "rerank/prompt_pieces.h"

#include "base/check.h"
#include "rerank/passage_text.h"
#include "rerank/token_memory.h"

namespace headwise {
namespace {

using Ids = std::vector<int32_t>;

constexpr std::string_view kContentFreeQuery = "N/A";  // Chen et al. 2025, section 3.2

std::string name_of(const Passage& passage, int index) {
  return "passage " + std::to_string(index + 1) + (passage.id.empty() ? "" : " (id '" + passage.id + "')");
}

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

Result<Ids> passage_tokens(const PieceTokenizer& tokenize, TokenMemory* known, const std::string& text) {
  if (known != nullptr) {
    if (const Ids* found = known->find(text)) return *found;
  }
  auto ids = tokenize.text(text);
  if (ids && known != nullptr) known->keep(text, *ids);
  return ids;
}

Status tokenize_passages(const PieceTokenizer& tokenize, const PromptRules& rules,
                         std::span<const Passage> passages, std::span<const int> order,
                         PromptPieces& pieces) {
  pieces.markers.resize(passages.size());
  pieces.passages.resize(passages.size());
  for (size_t place = 0; place < order.size(); ++place) {
    const int index = order[place];
    const Passage& passage = passages[static_cast<size_t>(index)];
    const std::string whole = passage_text(passage);
    if (is_white_space(whole)) {
      return fail(ErrorCode::kInvalidInput,
                  name_of(passage, index) + " is empty; leave it out or give it a text");
    }
    bool cut = false;
    std::string text(first_words(whole, rules.max_words, cut));
    const std::string marker = marker_text(rules.wording.marker, place);
    if (rules.wording.marker_in_span) {
      text = marker + text;
    } else if (!marker.empty()) {
      auto ids = tokenize.text(marker);
      HW_RETURN_IF_ERROR(ids);
      pieces.markers[static_cast<size_t>(index)] = std::move(*ids);
    }
    auto ids = passage_tokens(tokenize, rules.known, text);
    if (!ids) return fail(std::move(ids.error()).with_context("reading " + name_of(passage, index)));
    if (rules.max_tokens > 0 && ids->size() > static_cast<size_t>(rules.max_tokens)) {
      ids->resize(static_cast<size_t>(rules.max_tokens));
      cut = true;
    }
    pieces.truncated_passages += cut ? 1 : 0;
    pieces.passage_tokens += static_cast<int64_t>(ids->size());
    pieces.passages[static_cast<size_t>(index)] = std::move(*ids);
  }
  return {};
}

}  // namespace

PromptPieces::Ids PromptPieces::slot(size_t passage) const {
  Ids ids = markers[passage];
  append(ids, passages[passage]);
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
  HW_RETURN_IF_ERROR(tokenize_passages(tokenize, rules, passages, order, pieces));
  auto separator = tokenize.text(rules.wording.separator);
  HW_RETURN_IF_ERROR(separator);
  pieces.separator = std::move(*separator);
  return pieces;
}

Result<PromptPieces> tokenize_prompt(const Tokenizer& tokenizer, const PromptRules& rules,
                                     std::span<const std::string_view> queries,
                                     std::span<const Passage> passages, std::span<const int> order) {
  auto pieces = tokenize_slots(tokenizer, rules, passages, order);
  HW_RETURN_IF_ERROR(pieces);
  const PieceTokenizer tokenize(tokenizer, rules);
  auto closing = tokenize.chat(rules.wording.closing.value_or(rules.chat.closing), "");
  HW_RETURN_IF_ERROR(closing);
  pieces->closing = std::move(*closing);
  auto instruction = instruction_with(rules.wording, rules.instruction);
  HW_RETURN_IF_ERROR(instruction);
  pieces->queries.resize(queries.size());
  std::vector<std::pair<std::string, Ids*>> texts{
      {std::move(*instruction), &pieces->instruction},
      {rules.wording.query_prefix + std::string(kContentFreeQuery), &pieces->content_free}};
  for (size_t i = 0; i < queries.size(); ++i) {
    texts.emplace_back(rules.wording.query_prefix + std::string(queries[i]), &pieces->queries[i]);
  }
  for (const auto& [text, target] : texts) {
    auto ids = tokenize.text(text);
    if (!ids) {
      const bool query = target != &pieces->instruction;
      return fail(
          std::move(ids.error()).with_context(query ? "reading the query" : "reading the instruction"));
    }
    *target = std::move(*ids);
  }
  return pieces;
}

}  // namespace headwise
