// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: what a tokenizer file does to text before splitting it: Unicode normal forms, replacing,
// prepending. Source: huggingface/tokenizers/src/normalizers.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "headwise/error.h"
#include "tokenizer/regex.h"

namespace headwise {

struct NormalizerStep {
  enum class Kind { kNfc, kNfd, kNfkc, kNfkd, kPrepend, kReplaceText, kReplaceRegex };
  Kind kind = Kind::kNfc;
  std::string pattern{};         // kReplaceText
  std::string content{};         // kPrepend, kReplaceText, kReplaceRegex
  std::optional<Regex> regex{};  // kReplaceRegex
};

class Normalizer {
 public:
  Normalizer() = default;
  explicit Normalizer(std::vector<NormalizerStep> steps) : steps_(std::move(steps)) {}
  bool empty() const { return steps_.empty(); }
  // Valid UTF-8 in, valid UTF-8 out. kResourceLimit when a step makes the text larger than any real one
  // would.
  Result<std::string> apply(std::string_view text) const;

 private:
  std::vector<NormalizerStep> steps_;
};

}  // namespace headwise
