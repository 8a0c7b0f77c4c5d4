// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "tokenizer/regex.h"

#include <oniguruma.h>

#include <mutex>
#include <optional>

#include "base/check.h"
#include "base/utf8.h"
#include "tokenizer/unicode_update.h"

namespace headwise {
namespace {

// A real pattern retries a few times per byte at most; a whole passage of blanks about three times.
constexpr unsigned long kRetriesPerByte = 64;
constexpr unsigned long kRetriesAtLeast = 1000000;
// Nested quantifiers are unrolled when compiled; real patterns are below 1,000 characters.
constexpr size_t kLongestPattern = 20000;
constexpr unsigned int kDeepestNesting = 250;

const OnigUChar* bytes_of(std::string_view text) { return reinterpret_cast<const OnigUChar*>(text.data()); }

void initialize_engine() {
  static std::once_flag once;
  std::call_once(once, [] {
    OnigEncoding encodings[] = {ONIG_ENCODING_UTF8};
    HW_CHECK(onig_initialize(encodings, 1) == ONIG_NORMAL);
    onig_set_parse_depth_limit(kDeepestNesting);
  });
}

std::string message_of(int code, OnigErrorInfo* info) {
  OnigUChar text[ONIG_MAX_ERROR_MESSAGE_LEN];
  const int length = onig_error_code_to_str(text, code, info);
  return std::string(reinterpret_cast<const char*>(text), static_cast<size_t>(std::max(length, 0)));
}

struct FreeRegion {
  void operator()(OnigRegion* region) const { onig_region_free(region, 1); }
};
struct FreeMatchParam {
  void operator()(OnigMatchParam* param) const { onig_free_match_param(param); }
};

}  // namespace

struct Regex::Program {
  explicit Program(regex_t* compiled) : regex(compiled) {}
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  ~Program() { onig_free(regex); }
  regex_t* regex;
};

Result<Regex> Regex::compile(std::string_view pattern) {
  const std::string shown(pattern.substr(0, 80));
  if (pattern.size() > kLongestPattern) {
    return fail(ErrorCode::kResourceLimit,
                "the regular expression \"" + shown + "...\" is " + std::to_string(pattern.size()) +
                    " bytes long, expected at most " + std::to_string(kLongestPattern));
  }
  initialize_engine();
  // Oniguruma compiles under no lock of its own.
  static std::mutex compiling;
  const std::lock_guard<std::mutex> lock(compiling);
  regex_t* regex = nullptr;
  OnigErrorInfo info{};
  const int code = onig_new(&regex, bytes_of(pattern), bytes_of(pattern) + pattern.size(), ONIG_OPTION_NONE,
                            ONIG_ENCODING_UTF8, ONIG_SYNTAX_DEFAULT, &info);
  if (code != ONIG_NORMAL) {
    return fail(ErrorCode::kInvalidInput,
                "the regular expression \"" + shown + "\" does not compile: " + message_of(code, &info));
  }
  Regex result;
  result.program_ = std::make_shared<Program>(regex);
  return result;
}

Status Regex::find_all(std::string_view text, std::vector<Span>& matches) const {
  if (text.empty()) return {};
  const std::unique_ptr<OnigRegion, FreeRegion> region(onig_region_new());
  const std::unique_ptr<OnigMatchParam, FreeMatchParam> param(onig_new_match_param());
  HW_CHECK(region != nullptr && param != nullptr);
  onig_initialize_match_param(param.get());
  const unsigned long retries = kRetriesAtLeast + kRetriesPerByte * text.size();
  onig_set_retry_limit_in_match_of_match_param(param.get(), retries);
  onig_set_retry_limit_in_search_of_match_param(param.get(), retries);
  const std::optional<std::string> older = with_older_characters(text);
  const OnigUChar* begin = bytes_of(older ? *older : text);
  const OnigUChar* end = begin + text.size();
  size_t from = 0;
  while (from <= text.size()) {
    const int found = onig_search_with_param(program_->regex, begin, end, begin + from, end, region.get(),
                                             ONIG_OPTION_NONE, param.get());
    if (found == ONIG_MISMATCH) return {};
    if (found < 0) {
      return fail(ErrorCode::kResourceLimit,
                  "a regular expression of the tokenizer file gave up on a text of " +
                      std::to_string(text.size()) + " bytes: " + message_of(found, nullptr));
    }
    const Span match = {static_cast<size_t>(region->beg[0]), static_cast<size_t>(region->end[0])};
    if (match.begin == match.end && !matches.empty() && matches.back().end == match.end) {
      // An empty match right behind the last one would never end; look from the next character on.
      ++from;
      while (from < text.size() && continues_character(text[from])) ++from;
      continue;
    }
    matches.push_back(match);
    from = match.end;
  }
  return {};
}

}  // namespace headwise
