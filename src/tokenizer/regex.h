// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the regular expressions that tokenizer files carry, run by Oniguruma, the engine that
// Hugging Face tokenizers uses, so that the same pattern means the same. What it is not: a regex for other
// purposes; every match is a split point.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "headwise/error.h"
#include "tokenizer/vocabulary.h"

namespace headwise {

// Thread rule: immutable after compiling.
class Regex {
 public:
  // kInvalidInput with the engine's message when the pattern is not a regular expression.
  static Result<Regex> compile(std::string_view pattern);

  // Appends the matches in `text` (valid UTF-8), left to right, not overlapping. kResourceLimit when the
  // pattern backtracks more than a bound that grows with the text: a hostile pattern, not a long text.
  Status find_all(std::string_view text, std::vector<Span>& matches) const;

 private:
  struct Program;
  std::shared_ptr<const Program> program_;
};

}  // namespace headwise
