// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "serve/json.h"

namespace headwise::serve {
namespace {

struct TooDeep {};

// "[json.exception.parse_error.101] parse error at line 1, column 5: ..." -> "parse error at ...", without
// the last bytes read, which may be half of the body.
std::string plain_words(std::string_view what) {
  const size_t begin = what.find("] ");
  what = begin == std::string_view::npos ? what : what.substr(begin + 2);
  constexpr size_t kLongest = 200;
  return std::string(what.substr(0, what.find("; last read:"))).substr(0, kLongest);
}

}  // namespace

Result<ParsedJson> parse_body(std::string_view text) {
  if (text.empty())
    return fail(ErrorCode::kInvalidInput, "the body is not JSON: it is empty; expected an object");
  try {
    return ParsedJson::parse(text.begin(), text.end(),
                             [](int depth, ParsedJson::parse_event_t event, const ParsedJson&) {
                               using Event = ParsedJson::parse_event_t;
                               const bool opens = event == Event::object_start || event == Event::array_start;
                               if (opens && depth >= kMaxDepth) throw TooDeep{};
                               return true;
                             });
  } catch (const TooDeep&) {
    return fail(ErrorCode::kInvalidInput,
                "the body is nested more than " + std::to_string(kMaxDepth) + " levels deep");
  } catch (const ParsedJson::exception& problem) {
    return fail(ErrorCode::kInvalidInput, "the body is not JSON: " + plain_words(problem.what()));
  }
}

}  // namespace headwise::serve
