// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "headwise/qrels.h"

#include <limits>

#include "base/check.h"
#include "base/file.h"
#include "formats/text_lines.h"
#include "headwise/dataset.h"

namespace headwise {
namespace {

struct Seen {
  int grade;
  size_t line;
};

class QrelsBuilder {
 public:
  explicit QrelsBuilder(std::string_view source) : source_(source) {}

  Status add(std::string_view query, std::string_view document, int grade, size_t line) {
    auto [place, added] = places_.emplace(std::string(query), qrels_.queries.size());
    if (added) {
      qrels_.queries.push_back({std::string(query), {}});
      seen_.emplace_back();
    }
    auto [before, fresh] = seen_[place->second].emplace(std::string(document), Seen{grade, line});
    if (fresh) {
      qrels_.queries[place->second].judgements.push_back({std::string(document), grade});
    } else if (before->second.grade != grade) {
      return fail_at_line(source_, line,
                          "document " + in_quotes(document) + " of query " + in_quotes(query) +
                              " has grade " + std::to_string(grade) + " here and " +
                              std::to_string(before->second.grade) + " on line " +
                              std::to_string(before->second.line));
    }
    return {};
  }

  Result<Qrels> finish() {
    if (qrels_.queries.empty()) {
      return fail(ErrorCode::kInvalidInput,
                  source_ +
                      ": holds no judgements: expected lines of query, iteration, document, grade, or a "
                      "BEIR table");
    }
    return std::move(qrels_);
  }

 private:
  std::string source_;
  Qrels qrels_;
  IdMap<size_t> places_;
  std::vector<IdMap<Seen>> seen_;
};

// How the columns lie: decided by the first line.
struct Layout {
  size_t columns;
  size_t document;
  size_t grade;
  bool tabs;
  bool header;
};

// BEIR names its columns query-id, corpus-id, score; ids there may hold blanks, so tabs alone separate.
Layout layout_of(std::string_view first_line) {
  const std::vector<std::string_view> columns = split_blanks(first_line);
  const bool tabs = split_tabs(first_line).size() == 3;
  if (columns.size() == 4 && !tabs) return {4, 2, 3, false, false};
  const std::vector<std::string_view> cells = tabs ? split_tabs(first_line) : columns;
  const bool header = cells.size() == 3 && (cells[0] == "query-id" || cells[0] == "query_id" ||
                                            cells[2] == "score" || cells[2] == "grade");
  return {3, 1, 2, tabs, header};
}

}  // namespace

Result<Qrels> parse_qrels(std::string_view text, std::string_view source) {
  QrelsBuilder builder(source);
  LineReader lines(text);
  std::optional<TextLine> line = lines.next_filled();
  if (!line) return builder.finish();
  const Layout layout = layout_of(line->text);
  if (layout.header) line = lines.next_filled();
  for (; line; line = lines.next_filled()) {
    const std::vector<std::string_view> columns =
        layout.tabs ? split_tabs(line->text) : split_blanks(line->text);
    if (columns.size() != layout.columns) {
      std::string expected = layout.columns == 4 ? "4 columns (query, iteration, document, grade)"
                                                 : "3 columns (query, document, grade)";
      std::string hint = columns.size() == 6 ? "; 6 columns look like a run, not judgements" : "";
      return fail_at_line(source, line->number,
                          "expected " + expected + ", found " + std::to_string(columns.size()) + " in " +
                              in_quotes(line->text) + hint);
    }
    std::optional<int64_t> grade = parse_integer(columns[layout.grade]);
    if (!grade || *grade < std::numeric_limits<int>::min() || *grade > std::numeric_limits<int>::max()) {
      return fail_at_line(source, line->number,
                          "expected a whole number as grade, found " + in_quotes(columns[layout.grade]));
    }
    if (columns[0].empty() || columns[layout.document].empty()) {
      return fail_at_line(source, line->number, "an id is empty");
    }
    HW_RETURN_IF_ERROR(
        builder.add(columns[0], columns[layout.document], static_cast<int>(*grade), line->number));
  }
  return builder.finish();
}

Result<Qrels> read_qrels(const std::filesystem::path& path) {
  Result<std::string> text = read_text_file(path);
  HW_RETURN_IF_ERROR(text);
  return parse_qrels(*text, path.string());
}

}  // namespace headwise
