// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "tokenizer/normalizer.h"

#include <utf8proc.h>

#include <algorithm>
#include <optional>

#include "base/check.h"
#include "base/utf8.h"
#include "tokenizer/unicode_update.h"

namespace headwise {
namespace {

using Kind = NormalizerStep::Kind;

// What a text may grow to: a hostile file can ask to replace each character by a novel.
constexpr size_t kGrowthLimit = 64;
constexpr size_t kGrowthAllowance = size_t{1} << 20;

utf8proc_option_t form_options(Kind kind) {
  switch (kind) {
    case Kind::kNfc:
      return static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE);
    case Kind::kNfd:
      return static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_DECOMPOSE);
    case Kind::kNfkc:
      return static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT);
    default:
      return static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT);
  }
}

// U+FDFA becomes 18 characters.
constexpr utf8proc_ssize_t kLongestDecomposition = 32;

// Text below U+0300 is in NFC already, below U+0080 in every form.
bool already_normal(Kind kind, std::string_view text) {
  const uint8_t limit = kind == Kind::kNfc ? 0xCC : 0x80;
  return std::ranges::all_of(text, [&](char byte) { return static_cast<uint8_t>(byte) < limit; });
}

// utf8proc_map() does the same, but orders marks by insertion: minutes for a megabyte of them. Here a run of
// marks is sorted in O(n log n).
void append_form(Kind kind, std::string_view text, std::string& out) {
  const utf8proc_option_t options = form_options(kind);
  std::vector<utf8proc_int32_t> points;
  points.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const std::optional<DecodedCodePoint> point = decode_utf8(text.substr(at));
    HW_CHECK(point.has_value());
    at += point->bytes;
    utf8proc_int32_t parts[kLongestDecomposition];
    int boundary_class = 0;
    const utf8proc_ssize_t count = utf8proc_decompose_char(static_cast<utf8proc_int32_t>(point->value), parts,
                                                           kLongestDecomposition, options, &boundary_class);
    HW_CHECK(count >= 0 && count <= kLongestDecomposition);
    points.insert(points.end(), parts, parts + count);
  }
  const auto mark_class = [](utf8proc_int32_t c) { return utf8proc_get_property(c)->combining_class; };
  for (auto run = points.begin(); run != points.end();) {
    const auto end = std::find_if(run, points.end(), [&](utf8proc_int32_t c) { return mark_class(c) == 0; });
    std::stable_sort(run, end,
                     [&](utf8proc_int32_t a, utf8proc_int32_t b) { return mark_class(a) < mark_class(b); });
    run = end == points.end() ? end : end + 1;
  }
  const utf8proc_ssize_t length =
      utf8proc_normalize_utf32(points.data(), static_cast<utf8proc_ssize_t>(points.size()), options);
  HW_CHECK(length >= 0);
  for (utf8proc_ssize_t i = 0; i < length; ++i) {
    append_utf8(out, static_cast<char32_t>(points[static_cast<size_t>(i)]));
  }
}

// Characters that are to be left alone are starters to their neighbours: the text is normalised piece by
// piece around them.
std::string unicode_form(Kind kind, std::string text) {
  if (already_normal(kind, text)) return text;
  std::string out;
  out.reserve(text.size());
  size_t done = 0;
  for (size_t at = 0; at < text.size();) {
    const std::optional<DecodedCodePoint> point = decode_utf8(std::string_view(text).substr(at));
    HW_CHECK(point.has_value());
    if (is_inert_in_forms(point->value)) {
      if (done < at) append_form(kind, std::string_view(text).substr(done, at - done), out);
      out.append(text, at, point->bytes);
      done = at + point->bytes;
    }
    at += point->bytes;
  }
  append_form(kind, std::string_view(text).substr(done), out);
  return out;
}

Status find_pattern(const NormalizerStep& step, std::string_view text, std::vector<Span>& matches) {
  if (step.kind == Kind::kReplaceRegex) return step.regex->find_all(text, matches);
  for (size_t at = text.find(step.pattern); at != std::string_view::npos;
       at = text.find(step.pattern, at + step.pattern.size())) {
    matches.push_back({at, at + step.pattern.size()});
  }
  return {};
}

Result<std::string> replace(const NormalizerStep& step, std::string text, size_t limit) {
  std::vector<Span> matches;
  HW_RETURN_IF_ERROR(find_pattern(step, text, matches));
  if (matches.empty()) return text;
  if (!step.content.empty() && matches.size() > limit / step.content.size()) {
    return fail(ErrorCode::kResourceLimit, "a normalizer of the tokenizer file makes a text of " +
                                               std::to_string(text.size()) + " bytes more than " +
                                               std::to_string(kGrowthLimit) + " times as long");
  }
  std::string out;
  size_t from = 0;
  for (const Span& match : matches) {
    out.append(text, from, match.begin - from).append(step.content);
    from = match.end;
  }
  out.append(text, from);
  return out;
}

}  // namespace

Result<std::string> Normalizer::apply(std::string_view input) const {
  const size_t limit = kGrowthLimit * input.size() + kGrowthAllowance;
  Result<std::string> text{std::string(input)};
  for (const NormalizerStep& step : steps_) {
    if (text->empty()) return text;
    switch (step.kind) {
      case Kind::kPrepend:
        text = step.content + *text;
        break;
      case Kind::kReplaceText:
      case Kind::kReplaceRegex:
        text = replace(step, std::move(*text), limit);
        break;
      default:
        text = unicode_form(step.kind, std::move(*text));
        break;
    }
    if (!text) return text;
    if (text->size() > limit) {
      return fail(ErrorCode::kResourceLimit, "the tokenizer file's normalizer makes a text of " +
                                                 std::to_string(input.size()) + " bytes " +
                                                 std::to_string(text->size()) + " bytes long");
    }
  }
  return text;
}

}  // namespace headwise
