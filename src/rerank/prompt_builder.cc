// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "rerank/prompt_builder.h"

#include <algorithm>
#include <tuple>

#include "base/check.h"
#include "rerank/passage_text.h"

namespace headwise {
namespace {

using Ids = std::vector<int32_t>;

constexpr std::string_view kContentFreeQuery = "N/A";  // Chen et al. 2025, section 3.2

void append(Ids& ids, const Ids& more) { ids.insert(ids.end(), more.begin(), more.end()); }

std::string name_of(const Passage& passage, int index) {
  return "passage " + std::to_string(index + 1) + (passage.id.empty() ? "" : " (id '" + passage.id + "')");
}

// Tokens of everything, before it is laid out.
struct Pieces {
  Ids prefix;                 // opening and lead
  std::vector<Ids> markers;   // by request index; empty where the marker belongs to the span or there is none
  std::vector<Ids> passages;  // by request index
  Ids separator;
  Ids instruction;
  std::vector<Ids> queries;
  Ids content_free;
  Ids closing;
};

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

Status tokenize_passages(const PieceTokenizer& tokenize, const PromptRules& rules,
                         std::span<const Passage> passages, std::span<const int> order, Pieces& pieces,
                         BuiltPrompt& built) {
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
    auto ids = tokenize.text(text);
    if (!ids) return fail(std::move(ids.error()).with_context("reading " + name_of(passage, index)));
    if (rules.max_tokens > 0 && ids->size() > static_cast<size_t>(rules.max_tokens)) {
      ids->resize(static_cast<size_t>(rules.max_tokens));
      cut = true;
    }
    built.truncated_passages += cut ? 1 : 0;
    built.passage_tokens += static_cast<int64_t>(ids->size());
    pieces.passages[static_cast<size_t>(index)] = std::move(*ids);
  }
  return {};
}

Result<Pieces> tokenize_all(const Tokenizer& tokenizer, const PromptRules& rules,
                            std::span<const std::string_view> queries, std::span<const Passage> passages,
                            std::span<const int> order, BuiltPrompt& built) {
  const PieceTokenizer tokenize(tokenizer, rules);
  Pieces pieces;
  if (rules.chat.bos) {
    if (const auto bos = tokenizer.bos_id()) pieces.prefix.push_back(*bos);
  }
  auto opening = tokenize.chat(rules.wording.opening.value_or(rules.chat.opening), rules.wording.lead);
  HW_RETURN_IF_ERROR(opening);
  append(pieces.prefix, *opening);
  HW_RETURN_IF_ERROR(tokenize_passages(tokenize, rules, passages, order, pieces, built));
  auto closing = tokenize.chat(rules.wording.closing.value_or(rules.chat.closing), "");
  HW_RETURN_IF_ERROR(closing);
  pieces.closing = std::move(*closing);
  pieces.queries.resize(queries.size());
  std::vector<std::pair<std::string, Ids*>> texts{
      {rules.wording.separator, &pieces.separator},
      {rules.wording.instruction, &pieces.instruction},
      {rules.wording.query_prefix + std::string(kContentFreeQuery), &pieces.content_free}};
  for (size_t i = 0; i < queries.size(); ++i) {
    texts.emplace_back(rules.wording.query_prefix + std::string(queries[i]), &pieces.queries[i]);
  }
  for (const auto& [text, target] : texts) {
    auto ids = tokenize.text(text);
    if (!ids) return fail(std::move(ids.error()).with_context("reading the query"));
    *target = std::move(*ids);
  }
  return pieces;
}

int64_t size_of(const Ids& ids) { return static_cast<int64_t>(ids.size()); }

// Context is a matter of positions: in `blocks`, passages share them.
Status check_length(const PromptRules& rules, const Pieces& pieces, std::span<const int> order) {
  int64_t longest_query = size_of(pieces.content_free);
  for (const Ids& query : pieces.queries) longest_query = std::max(longest_query, size_of(query));
  const int64_t tail = size_of(pieces.instruction) + longest_query + size_of(pieces.closing);
  const int64_t fixed = size_of(pieces.prefix) + tail;
  int64_t positions = fixed;
  int64_t tokens = fixed;
  int64_t fit = 0;
  for (int index : order) {
    const auto i = static_cast<size_t>(index);
    const int64_t slot = size_of(pieces.markers[i]) + size_of(pieces.passages[i]) + size_of(pieces.separator);
    if (rules.encoding == Encoding::kBlocks && rules.block_span > 0 && slot > rules.block_span) {
      return fail(ErrorCode::kResourceLimit,
                  "passage " + std::to_string(index + 1) + " takes " + std::to_string(slot) +
                      " tokens, more than --block-span " + std::to_string(rules.block_span) +
                      "; raise it, or cut passages with --max-words or --max-tokens");
    }
    tokens += slot;
    positions = rules.encoding == Encoding::kList
                    ? tokens
                    : std::max(positions, fixed + (rules.block_span > 0 ? rules.block_span : slot));
    const bool fits =
        positions <= rules.context && (rules.max_prompt_tokens == 0 || tokens <= rules.max_prompt_tokens);
    if (fits) ++fit;
  }
  if (fit == static_cast<int64_t>(order.size())) return {};
  const std::string advice =
      fit == 0 ? "cut passages with --max-words or --max-tokens, or use --encoding blocks"
               : "pass fewer (--depth or --top-k of the first stage), cut them with --max-words "
                 "or --max-tokens, or use --encoding blocks";
  return fail(
      ErrorCode::kResourceLimit,
      "the prompt takes " + std::to_string(tokens) + " tokens in " + std::to_string(positions) +
          " positions; allowed are " + std::to_string(rules.context) + " positions" +
          (rules.max_prompt_tokens > 0 ? " and " + std::to_string(rules.max_prompt_tokens) + " tokens" : "") +
          "; " + std::to_string(fit) + " of " + std::to_string(order.size()) + " passages fit: " + advice);
}

// Lays the pieces out in segments.
class SegmentWriter {
 public:
  SegmentWriter(const PromptRules& rules, const Pieces& pieces, BuiltPrompt& built)
      : rules_(rules), pieces_(pieces), built_(built), layout_(built.layout) {
    built_.spans.resize(pieces.passages.size());
    built_.segments.passages.resize(pieces.passages.size());
  }

  // Prefix, passages and instruction as one causal segment.
  void write_list(std::span<const int> order) {
    Ids ids = pieces_.prefix;
    for (const int index : order) place_passage(index, 0, ids);
    const int64_t instruction_begin = size_of(ids);
    append(ids, pieces_.instruction);
    const int segment = layout_.add_segment(ids, 0, {});
    built_.segments.prefix = built_.segments.instruction = segment;
    built_.shared_rows = {instruction_begin, size_of(pieces_.instruction)};
    seen_ = {segment};
    position_ = size_of(ids);
  }

  // A segment a passage, which sees the prefix and itself.
  void write_blocks(std::span<const int> order) {
    const int prefix = layout_.add_segment(pieces_.prefix, 0, {});
    built_.segments.prefix = prefix;
    seen_ = {prefix};
    int64_t longest = 0;
    for (const int index : by_tokens(order)) {
      Ids ids;
      place_passage(index, static_cast<int>(layout_.segments.size()), ids);
      longest = std::max(longest, size_of(ids));
      seen_.push_back(layout_.add_segment(ids, size_of(pieces_.prefix), {prefix}));
    }
    position_ = size_of(pieces_.prefix) + (rules_.block_span > 0 ? rules_.block_span : longest);
    const int segment = layout_.add_segment(pieces_.instruction, position_, seen_);
    built_.segments.instruction = segment;
    built_.shared_rows = {layout_.segment(segment).token_begin, size_of(pieces_.instruction)};
    seen_.push_back(segment);
    position_ += size_of(pieces_.instruction);
  }

  // The segments [query closing] and the rows of them that are read.
  void write_queries() {
    for (const Ids& query : pieces_.queries) {
      built_.segments.queries.push_back(add_query(query));
      built_.query_rows.push_back(rows_of(built_.segments.queries.back(), query));
    }
    if (!rules_.content_free) return;
    built_.segments.content_free = add_query(pieces_.content_free);
    built_.content_free_rows = rows_of(*built_.segments.content_free, pieces_.content_free);
  }

 private:
  // Slots stand in an order of their own (by their tokens), so that the caller's order cannot change a bit.
  std::vector<int> by_tokens(std::span<const int> order) const {
    std::vector<int> slots(order.begin(), order.end());
    std::sort(slots.begin(), slots.end(), [&](int a, int b) {
      const auto x = static_cast<size_t>(a);
      const auto y = static_cast<size_t>(b);
      return std::tie(pieces_.passages[x], pieces_.markers[x], a) <
             std::tie(pieces_.passages[y], pieces_.markers[y], b);
    });
    return slots;
  }

  // A passage with its marker and separator, behind `ids` of its segment.
  void place_passage(int index, int segment, Ids& ids) {
    const auto i = static_cast<size_t>(index);
    built_.segments.passages[i] = segment;
    built_.spans[i] = {segment, size_of(ids) + size_of(pieces_.markers[i]), size_of(pieces_.passages[i])};
    append(ids, pieces_.markers[i]);
    append(ids, pieces_.passages[i]);
    append(ids, pieces_.separator);
  }

  int add_query(const Ids& query) {
    Ids ids = query;
    append(ids, pieces_.closing);
    return layout_.add_segment(ids, position_, seen_);
  }

  RowGroup rows_of(int segment, const Ids& query) const {
    const PromptSegment& laid = layout_.segment(segment);
    return {laid.token_begin, rules_.rows == QueryRows::kAll ? laid.tokens : size_of(query)};
  }

  const PromptRules& rules_;
  const Pieces& pieces_;
  BuiltPrompt& built_;
  PromptLayout& layout_;
  std::vector<int> seen_;  // by the query segments
  int64_t position_ = 0;   // of the next token of the common part
};

}  // namespace

Result<PromptRules> prompt_rules(const Model& model, const RerankerOptions& options) {
  const char* usual = options.encoding == Encoding::kBlocks ? "blocks" : "default";
  auto wording = find_prompt_template(options.prompt_template.empty() ? usual : options.prompt_template);
  HW_RETURN_IF_ERROR(wording);
  if (options.encoding == Encoding::kBlocks && wording->marker.find("{n}") != std::string::npos) {
    return fail(ErrorCode::kUsage,
                "template '" + wording->name +
                    "' numbers its passages, which --encoding blocks cannot: there they have no "
                    "order; use --template blocks or --encoding list");
  }
  auto chat = find_chat_format(model.tokenizer(), options.chat_format);
  HW_RETURN_IF_ERROR(chat);
  PromptRules rules;
  rules.wording = std::move(*wording);
  rules.chat = std::move(*chat);
  rules.encoding = options.encoding;
  rules.rows = options.rows.value_or(rules.wording.rows);
  rules.max_words = options.max_words;
  rules.max_tokens = options.max_tokens;
  rules.block_span = options.block_span;
  rules.context = model.config().context;
  rules.max_prompt_tokens = options.max_prompt_tokens;
  return rules;
}

Result<BuiltPrompt> build_prompt(const Tokenizer& tokenizer, const PromptRules& rules, std::string_view query,
                                 std::span<const Passage> passages, std::span<const int> order) {
  return build_prompt(tokenizer, rules, std::span(&query, 1), passages, order);
}

Result<BuiltPrompt> build_prompt(const Tokenizer& tokenizer, const PromptRules& rules,
                                 std::span<const std::string_view> queries, std::span<const Passage> passages,
                                 std::span<const int> order) {
  HW_CHECK(!queries.empty());
  if (std::any_of(queries.begin(), queries.end(), is_white_space))
    return fail(ErrorCode::kInvalidInput, "the query is empty; write a question or keywords");
  if (passages.empty())
    return fail(ErrorCode::kInvalidInput, "there are no passages to order; give at least one");
  BuiltPrompt built;
  auto tokenized = tokenize_all(tokenizer, rules, queries, passages, order, built);
  HW_RETURN_IF_ERROR(tokenized);
  const Pieces& pieces = *tokenized;
  HW_RETURN_IF_ERROR(check_length(rules, pieces, order));

  SegmentWriter writer(rules, pieces, built);
  if (rules.encoding == Encoding::kList) {
    writer.write_list(order);
  } else {
    writer.write_blocks(order);
  }
  if (rules.rows == QueryRows::kQuery) built.shared_rows.tokens = 0;
  writer.write_queries();
  return built;
}

}  // namespace headwise
