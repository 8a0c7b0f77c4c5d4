// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "rerank/prompt_builder.h"

#include <algorithm>
#include <tuple>

#include "base/check.h"
#include "base/digits.h"
#include "rerank/passage_text.h"
#include "rerank/prompt_pieces.h"

namespace headwise {
namespace {

using Ids = std::vector<int32_t>;

int64_t size_of(const Ids& ids) { return static_cast<int64_t>(ids.size()); }

// The prompt does not hold even one passage, none of which takes more than its share.
tl::unexpected<Error> query_too_long(const PromptRules& rules, int64_t query, int64_t template_tokens) {
  const bool own = !rules.instruction.empty();
  std::string bound = "the model has " + grouped_digits(rules.context) + " positions";
  if (rules.max_prompt_tokens > 0 && rules.max_prompt_tokens < rules.context) {
    bound = "a prompt may have " + grouped_digits(rules.max_prompt_tokens) + " (--max-prompt-tokens), and " +
            bound;
  }
  std::string advice = own ? "shorten query or instruction" : "shorten the query";
  // No query is short enough where the template leaves nothing.
  const bool no_room = rules.max_prompt_tokens > 0 && template_tokens >= rules.max_prompt_tokens;
  if (no_room) advice = "raise --max-prompt-tokens";
  return fail(ErrorCode::kResourceLimit, "the query takes " + grouped_digits(query) + " tokens; " + bound +
                                             ", of which the template " + (own ? "with --instruction " : "") +
                                             "takes " + grouped_digits(template_tokens) + ": " + advice +
                                             ", so that passages have room");
}

// Context is a matter of positions: in `blocks`, passages share them.
Status check_length(const PromptRules& rules, const PromptPieces& pieces) {
  int64_t longest_query = size_of(pieces.content_free);
  for (const Ids& query : pieces.queries) longest_query = std::max(longest_query, size_of(query));
  const int64_t template_tokens =
      size_of(pieces.prefix) + size_of(pieces.instruction) + size_of(pieces.closing);
  const int64_t fixed = template_tokens + longest_query;
  const auto fits = [&](int64_t positions, int64_t tokens) {
    return positions <= rules.context && (rules.max_prompt_tokens == 0 || tokens <= rules.max_prompt_tokens);
  };
  int64_t positions = fixed;
  int64_t tokens = fixed;
  int64_t fit = 0;
  for (const int part : pieces.order) {
    const auto i = static_cast<size_t>(part);
    const int64_t slot = size_of(pieces.markers[i]) + size_of(pieces.passages[i]) + size_of(pieces.separator);
    tokens += slot;
    positions = rules.encoding == Encoding::kList
                    ? tokens
                    : std::max(positions, fixed + (rules.block_span > 0 ? rules.block_span : slot));
    if (fits(positions, tokens)) ++fit;
  }
  const auto parts = static_cast<int64_t>(pieces.order.size());
  if (fit == parts && fits(fixed, fixed)) return {};
  if (!fits(fixed, fixed) || (fit == 0 && longest_query > rules.context / 8))
    return query_too_long(rules, longest_query, template_tokens);
  const std::string advice =
      fit == 0 ? "cut passages with --max-words or --max-tokens"
               : "pass fewer (--depth or --top-k of the first stage), or cut them with --max-words or "
                 "--max-tokens";
  return fail(
      ErrorCode::kResourceLimit,
      "the prompt takes " + std::to_string(tokens) + " tokens in " + std::to_string(positions) +
          " positions; allowed are " + std::to_string(rules.context) + " positions" +
          (rules.max_prompt_tokens > 0 ? " and " + std::to_string(rules.max_prompt_tokens) + " tokens" : "") +
          "; " + std::to_string(fit) + " of " + std::to_string(parts) + " passages fit: " + advice +
          (rules.encoding == Encoding::kList ? ", or use --encoding blocks" : ""));
}

// Lays the pieces out in segments.
class SegmentWriter {
 public:
  SegmentWriter(const PromptRules& rules, const PromptPieces& pieces, BuiltPrompt& built)
      : rules_(rules), pieces_(pieces), built_(built), layout_(built.layout) {
    built_.spans.resize(pieces.passages.size());
    built_.segments.passages.resize(pieces.passages.size());
  }

  // Prefix, passages and instruction as one causal segment.
  void write_list() {
    Ids ids = pieces_.prefix;
    for (const int part : pieces_.order) place_passage(part, 0, ids);
    const int64_t instruction_begin = size_of(ids);
    append(ids, pieces_.instruction);
    const int segment = layout_.add_segment(ids, 0, {});
    built_.segments.prefix = built_.segments.instruction = segment;
    built_.shared_rows = {instruction_begin, size_of(pieces_.instruction)};
    seen_ = {segment};
    position_ = size_of(ids);
  }

  // A segment a passage, which sees the prefix and itself.
  void write_blocks() {
    const int prefix = layout_.add_segment(pieces_.prefix, 0, {});
    built_.segments.prefix = prefix;
    seen_ = {prefix};
    int64_t longest = 0;
    for (const int part : by_tokens()) {
      Ids ids;
      place_passage(part, static_cast<int>(layout_.segments.size()), ids);
      longest = std::max(longest, size_of(ids));
      seen_.push_back(layout_.add_segment(ids, size_of(pieces_.prefix), {prefix}));
    }
    position_ = size_of(pieces_.prefix) + (rules_.block_span > 0 ? rules_.block_span : longest);
    if (pieces_.instruction.empty()) {
      built_.segments.instruction = -1;
      built_.shared_rows = {layout_.tokens(), 0};
      return;
    }
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
  std::vector<int> by_tokens() const {
    std::vector<int> slots = pieces_.order;
    std::sort(slots.begin(), slots.end(), [&](int a, int b) {
      const auto x = static_cast<size_t>(a);
      const auto y = static_cast<size_t>(b);
      return std::tie(pieces_.passages[x], pieces_.markers[x], a) <
             std::tie(pieces_.passages[y], pieces_.markers[y], b);
    });
    return slots;
  }

  // A passage with its marker and separator, behind `ids` of its segment.
  void place_passage(int part, int segment, Ids& ids) {
    const auto i = static_cast<size_t>(part);
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
  const PromptPieces& pieces_;
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
  HW_RETURN_IF_ERROR(instruction_with(*wording, options.instruction));
  rules.wording = std::move(*wording);
  rules.instruction = options.instruction;
  rules.chat = std::move(*chat);
  rules.encoding = options.encoding;
  rules.rows = options.rows.value_or(rules.wording.rows);
  rules.max_words = options.max_words;
  rules.max_tokens = options.max_tokens;
  rules.long_passages = options.long_passages;
  rules.max_windows = options.max_windows;
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
  if (std::any_of(queries.begin(), queries.end(), is_invisible))
    return fail(ErrorCode::kInvalidInput, "the query is empty; write a question or keywords");
  if (passages.empty())
    return fail(ErrorCode::kInvalidInput, "there are no passages to order; give at least one");
  BuiltPrompt built;
  auto tokenized = tokenize_prompt(tokenizer, rules, queries, passages, order);
  HW_RETURN_IF_ERROR(tokenized);
  const PromptPieces& pieces = *tokenized;
  built.parts = pieces.parts;
  built.passage_tokens = pieces.passage_tokens;
  HW_RETURN_IF_ERROR(check_length(rules, pieces));

  SegmentWriter writer(rules, pieces, built);
  if (rules.encoding == Encoding::kList) {
    writer.write_list();
  } else {
    writer.write_blocks();
  }
  if (rules.rows == QueryRows::kQuery) built.shared_rows.tokens = 0;
  writer.write_queries();
  return built;
}

}  // namespace headwise
