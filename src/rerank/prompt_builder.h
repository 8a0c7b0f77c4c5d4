// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: query and passages to tokens, segments and exact spans (docs/method.md#prompt-and-spans,
// docs/method.md#encodings). Each piece of text is tokenized by itself and the ids are joined, so no span is
// ever searched for.
//
// `list`:   [opening lead p1 sep p2 sep ... instruction] [query closing] [content-free query closing]
// `blocks`: [opening lead] [p1 sep] [p2 sep] ... [instruction] [query closing] [content-free query closing]
// A bracket is one segment of the layout. The last two see the same context and start at the same position;
// so do all queries where several share the passages (training, src/align).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "decoder/decode_request.h"
#include "decoder/prompt_layout.h"
#include "headwise/error.h"
#include "headwise/model_config.h"
#include "headwise/reranker.h"
#include "rerank/passage_parts.h"
#include "rerank/prompt_template.h"

namespace headwise {

// The layout's segments by what is in them. With `list` prefix, passages and instruction are one.
struct PromptSegments {
  int prefix = 0;
  std::vector<int> passages;  // by BuiltPrompt::parts: each with its marker and separator
  int instruction = 0;        // -1: the template has none, with `blocks`
  std::vector<int> queries;
  std::optional<int> content_free;
};

struct BuiltPrompt {
  PromptLayout layout;
  PromptSegments segments;
  // What is read of the passages: one part each, in request order, but for windows and empty passages.
  std::vector<PassagePart> parts;
  std::vector<TokenSpan> spans;  // a part's summed tokens
  // Rows to read: instruction rows that all queries share (may be none), each query's, the content-free
  // query's.
  RowGroup shared_rows;
  std::vector<RowGroup> query_rows;  // one a query
  RowGroup content_free_rows;        // tokens 0 when not asked for
  int64_t passage_tokens = 0;
};

class TokenMemory;

struct PromptRules {
  PromptTemplate wording;
  ChatFormat chat;
  Encoding encoding = Encoding::kList;
  QueryRows rows = QueryRows::kAll;
  bool content_free = true;
  std::string instruction;  // in the place of the wording's task; empty: as it stands
  int max_words = 0;
  int max_tokens = 0;
  LongPassages long_passages = LongPassages::kCut;
  int max_windows = 1;
  bool leave_out_empty = false;  // otherwise an empty passage is an error
  int64_t block_span = 0;
  int64_t context = 0;            // longest prompt in positions
  int64_t max_prompt_tokens = 0;  // 0: no other bound
  TokenMemory* known = nullptr;   // tokens of passages from earlier requests; null: none
};

// What the options say of the prompt. kUsage for a template that the encoding cannot have; kNotFound for an
// unknown template or chat format.
Result<PromptRules> prompt_rules(const Model& model, const RerankerOptions& options);

// `order[i]` is the request index of the i-th passage in the prompt. kInvalidInput: empty query or passage,
// text that is not UTF-8. kResourceLimit: too long, saying whether the query is or how many passages fit.
Result<BuiltPrompt> build_prompt(const Tokenizer& tokenizer, const PromptRules& rules, std::string_view query,
                                 std::span<const Passage> passages, std::span<const int> order);
// The same with several queries, each as if it were alone.
Result<BuiltPrompt> build_prompt(const Tokenizer& tokenizer, const PromptRules& rules,
                                 std::span<const std::string_view> queries, std::span<const Passage> passages,
                                 std::span<const int> order);

}  // namespace headwise
