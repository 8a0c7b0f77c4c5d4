// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: texts to tokens, each piece of a prompt by itself (docs/method.md#prompt-and-spans),
// before prompt_builder lays them out.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "headwise/error.h"
#include "headwise/passage.h"
#include "headwise/tokenizer.h"
#include "rerank/prompt_builder.h"

namespace headwise {

inline void append(std::vector<int32_t>& ids, const std::vector<int32_t>& more) {
  ids.insert(ids.end(), more.begin(), more.end());
}

struct PromptPieces {
  using Ids = std::vector<int32_t>;
  Ids prefix;                      // opening and lead
  std::vector<PassagePart> parts;  // in request order
  std::vector<Ids> markers;        // by part; empty where the marker belongs to the span or there is none
  std::vector<Ids> passages;       // by part
  std::vector<int> order;          // the part at each place of the prompt
  Ids separator;
  Ids instruction;
  std::vector<Ids> queries;
  Ids content_free;
  Ids closing;
  int64_t passage_tokens = 0;

  // Marker, passage and separator.
  Ids slot(size_t part) const;
};

// All but the queries: what does not depend on them, the length of passages included. `order` as in
// build_prompt. kInvalidInput: an empty passage, text that is not UTF-8.
Result<PromptPieces> tokenize_slots(const Tokenizer& tokenizer, const PromptRules& rules,
                                    std::span<const Passage> passages, std::span<const int> order);
// All pieces.
Result<PromptPieces> tokenize_prompt(const Tokenizer& tokenizer, const PromptRules& rules,
                                     std::span<const std::string_view> queries,
                                     std::span<const Passage> passages, std::span<const int> order);

}  // namespace headwise
