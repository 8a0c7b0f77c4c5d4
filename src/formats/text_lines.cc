// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "formats/text_lines.h"

#include <charconv>

#include "base/utf8.h"

namespace headwise {
namespace {

constexpr std::string_view kBlanks = " \t\v\f\r";

template <typename T>
std::optional<T> parse_whole(std::string_view text) {
  if (!text.empty() && text.front() == '+' && !text.starts_with("+-")) text.remove_prefix(1);
  T value{};
  auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string_view trimmed(std::string_view text) {
  size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

}  // namespace

LineReader::LineReader(std::string_view text) : rest_(without_byte_order_mark(text)) {}

std::optional<TextLine> LineReader::next() {
  if (rest_.empty()) return std::nullopt;
  size_t end = rest_.find('\n');
  std::string_view line = rest_.substr(0, end);
  rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return TextLine{line, ++number_};
}

std::optional<TextLine> LineReader::next_filled() {
  for (;;) {
    std::optional<TextLine> line = next();
    if (!line || !is_blank(line->text)) return line;
  }
}

bool is_blank(std::string_view text) {
  return text.find_first_not_of(" \t\v\f\r\n") == std::string_view::npos;
}

std::string_view without_byte_order_mark(std::string_view text) {
  constexpr std::string_view kMark = "\xEF\xBB\xBF";
  if (text.starts_with(kMark)) text.remove_prefix(kMark.size());
  return text;
}

std::vector<std::string_view> split_blanks(std::string_view line) {
  std::vector<std::string_view> columns;
  for (;;) {
    size_t begin = line.find_first_not_of(kBlanks);
    if (begin == std::string_view::npos) return columns;
    size_t end = line.find_first_of(kBlanks, begin);
    columns.push_back(line.substr(begin, end == std::string_view::npos ? end : end - begin));
    if (end == std::string_view::npos) return columns;
    line.remove_prefix(end);
  }
}

std::vector<std::string_view> split_tabs(std::string_view line) {
  std::vector<std::string_view> columns;
  for (;;) {
    size_t end = line.find('\t');
    columns.push_back(trimmed(line.substr(0, end)));
    if (end == std::string_view::npos) return columns;
    line.remove_prefix(end + 1);
  }
}

std::optional<double> parse_number(std::string_view text) { return parse_whole<double>(text); }
std::optional<int64_t> parse_integer(std::string_view text) { return parse_whole<int64_t>(text); }

tl::unexpected<Error> fail_at_line(std::string_view source, size_t line, std::string_view message) {
  return fail(ErrorCode::kInvalidInput,
              std::string(source) + ":" + std::to_string(line) + ": " + std::string(message));
}

std::string in_quotes(std::string_view text, size_t limit) {
  std::string shown = "'";
  std::string_view rest = text;
  while (!rest.empty()) {
    std::optional<DecodedCodePoint> point = decode_utf8(rest);
    const bool printable = point && point->value >= 0x20 && point->value != 0x7F;
    const size_t bytes = point ? point->bytes : 1;
    if (shown.size() + bytes > limit + 1) return shown + "...'";
    if (printable) {
      shown.append(rest.substr(0, bytes));
    } else {
      shown += rest.front() == '\t' ? ' ' : '?';
    }
    rest.remove_prefix(bytes);
  }
  return shown + "'";
}

Status require_utf8(std::string_view source, const TextLine& line) {
  std::optional<size_t> bad = first_invalid_utf8(line.text);
  if (!bad) return {};
  return fail_at_line(source, line.number, "byte " + std::to_string(*bad + 1) + " is not valid UTF-8");
}

}  // namespace headwise
