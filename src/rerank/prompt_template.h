// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: prompt wording as data: what stands around passages and query, which part of it counts
// as a passage, and which rows are read. docs/method.md#prompt-and-spans. A user adds one as a JSON file with
// the same fields.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "headwise/error.h"
#include "headwise/reranker.h"
#include "tokenizer/chat_format.h"

namespace headwise {

struct PromptTemplate {
  std::string name;
  // Replace the chat format's own pieces when given (published code leaves out newlines).
  std::optional<std::vector<ChatPiece>> opening;
  std::optional<std::vector<ChatPiece>> closing;
  std::string lead;             // before the passages; one segment with the opening's last text
  std::string marker;           // "[{n}] ", {n} counts from 1; empty: none
  bool marker_in_span = true;   // marker and passage are one segment, and both are summed
  std::string separator;        // after every passage
  std::string instruction;      // up to the query
  std::string task;             // the words of the instruction that a request's own may replace; empty: none
  std::string own_instruction;  // an instruction of a request's own, {task}, where nothing is to be replaced
  std::string query_prefix;     // one segment with the query
  QueryRows rows = QueryRows::kAll;
};

// One of the templates that ship ("default", "blocks", "icr-llama3", ...), or a JSON file when `name` is a
// path that exists. kNotFound lists the names.
Result<PromptTemplate> find_prompt_template(const std::string& name);
Result<PromptTemplate> parse_prompt_template(std::string_view json);
std::vector<std::string> prompt_template_names();

// The template's instruction with `task` in the place of its own, or the one it has for that; empty: as it
// stands. kUsage when the template has no place for one, and for a blank one.
Result<std::string> instruction_with(const PromptTemplate& wording, std::string_view task);

}  // namespace headwise
