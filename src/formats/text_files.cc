// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "formats/text_files.h"

#include <algorithm>
#include <array>

#include "base/ascii.h"
#include "base/child_process.h"
#include "base/file.h"
#include "base/utf8.h"
#include "formats/html.h"
#include "formats/markdown.h"
#include "formats/text_lines.h"

namespace headwise {
namespace {

namespace fs = std::filesystem;

enum class TextKind { kPlain, kMarkdown, kHtml, kPdf, kCode };

struct EndingRow {
  TextKind kind;
  std::string_view endings;  // with a blank on both sides
};

constexpr std::array<EndingRow, 5> kEndings{{{TextKind::kPlain, " txt text rst adoc org tex log "},
                                             {TextKind::kMarkdown, " md markdown mdx "},
                                             {TextKind::kHtml, " html htm xhtml "},
                                             {TextKind::kPdf, " pdf "},
                                             {TextKind::kCode,
                                              " c h cc cpp cxx hpp hh inl cu m mm py pyi js mjs cjs jsx ts "
                                              "tsx java kt kts scala groovy go rs rb php cs fs "
                                              "swift dart lua pl pm r jl hs ml mli ex exs erl clj lisp el "
                                              "vim sh bash zsh fish ps1 bat sql proto cmake zig "
                                              "nim d pas f90 asm s v vhdl tcl "}}};

constexpr size_t kLinesOfCode = 40;
constexpr std::chrono::milliseconds kPdfTime{60000};
constexpr size_t kBinaryLook = 8192;  // where a zero byte makes a file binary

std::optional<TextKind> kind_of(const fs::path& path) {
  std::string ending = lower_ascii(path.extension().string());
  if (ending.size() < 2 || ending.find(' ') != std::string::npos) return std::nullopt;
  ending = " " + ending.substr(1) + " ";
  for (const EndingRow& row : kEndings) {
    if (row.endings.find(ending) != std::string_view::npos) return row.kind;
  }
  return std::nullopt;
}

std::string utf8_of_utf16(std::string_view bytes, bool big_endian) {
  const auto unit = [&](size_t at) {
    const auto first = static_cast<unsigned char>(bytes[at]),
               second = static_cast<unsigned char>(bytes[at + 1]);
    return static_cast<char32_t>(big_endian ? first << 8 | second : second << 8 | first);
  };
  std::string text;
  for (size_t at = 0; at + 1 < bytes.size(); at += 2) {
    char32_t point = unit(at);
    const bool leads = point >= 0xD800 && point < 0xDC00;
    const char32_t next = leads && at + 3 < bytes.size() ? unit(at + 2) : 0;
    if (leads && next >= 0xDC00 && next < 0xE000) {
      point = 0x10000 + ((point - 0xD800) << 10) + (next - 0xDC00);
      at += 2;
    } else if (point >= 0xD800 && point < 0xE000) {
      point = 0xFFFD;
    }
    append_utf8(text, point);
  }
  return text;
}

// The pages of a PDF, by poppler's pdftotext.
tl::expected<Sections, WhyLeftOut> pdf_sections(const fs::path& path, const std::string& name) {
  const auto program = find_program("pdftotext");
  if (!program) return tl::unexpected(WhyLeftOut::kNoPdfProgram);
  std::error_code error;
  const auto output = output_of(*program, {"-q", "-enc", "UTF-8", fs::absolute(path, error).string(), "-"},
                                {.time = kPdfTime, .bytes = kLargestTextFile});
  if (!output) return tl::unexpected(WhyLeftOut::kBadPdf);
  const std::string text = replace_invalid_utf8(*output);
  Sections sections;
  SectionPacker packer(sections);
  int page = 0;
  for (std::string_view rest = text; !rest.empty();) {
    const size_t end = std::min(rest.find('\f'), rest.size());
    const std::string title = fs::path(name).filename().string() + ", page " + std::to_string(++page);
    for (const Section& paragraph : plain_sections(rest.substr(0, end))) packer.add(title, paragraph.text);
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  packer.finish();
  return sections;
}

}  // namespace

bool is_text_file(const fs::path& path) { return kind_of(path).has_value(); }
bool is_pdf_file(const fs::path& path) { return kind_of(path) == TextKind::kPdf; }

tl::expected<std::string, WhyLeftOut> text_of_bytes(std::string_view bytes) {
  if (bytes.starts_with("\xFF\xFE")) return utf8_of_utf16(bytes.substr(2), false);
  if (bytes.starts_with("\xFE\xFF")) return utf8_of_utf16(bytes.substr(2), true);
  if (bytes.substr(0, kBinaryLook).find('\0') != std::string_view::npos) {
    return tl::unexpected(WhyLeftOut::kBinary);
  }
  if (first_invalid_utf8(bytes)) return tl::unexpected(WhyLeftOut::kNotUtf8);
  return std::string(without_byte_order_mark(bytes));
}

Sections plain_sections(std::string_view text) {
  Sections sections;
  std::string paragraph;
  const auto finish = [&] {
    if (!paragraph.empty()) sections.push_back({{}, std::move(paragraph)});
    paragraph.clear();
  };
  LineReader lines(text);
  while (const auto line = lines.next()) {
    const size_t last = line->text.find_last_not_of(" \t\v\f\r");
    if (last == std::string_view::npos) {
      finish();
      continue;
    }
    paragraph += paragraph.empty() ? "" : "\n";
    paragraph += line->text.substr(0, last + 1);
  }
  finish();
  return sections;
}

Sections code_sections(std::string_view text, const std::string& name) {
  Sections sections;
  std::string piece, block;  // blocks that go together; lines since one began
  size_t piece_line = 1, block_line = 1, piece_lines = 0, block_lines = 0;
  const auto end_piece = [&] {
    if (!is_blank(piece)) {
      piece.resize(piece.find_last_not_of(" \t\v\f\r\n") + 1);
      sections.push_back({name + ":" + std::to_string(piece_line), piece});
    }
    piece.clear();
    piece_lines = 0;
  };
  const auto end_block = [&] {
    if (piece_lines + block_lines > kLinesOfCode) end_piece();
    if (is_blank(piece)) {
      piece.clear();
      piece_line = block_line;
    }
    piece += block;
    piece_lines += block_lines;
    block.clear();
    block_lines = 0;
  };
  bool after_empty = false;
  LineReader lines(text);
  while (const auto line = lines.next()) {
    const bool empty = is_blank(line->text);
    const bool at_margin = !empty && line->text[0] != ' ' && line->text[0] != '\t' && line->text[0] != '}';
    if ((after_empty && at_margin) || block_lines == kLinesOfCode) end_block();
    after_empty = empty;
    if (empty && block.empty()) continue;
    if (block.empty()) block_line = line->number;
    block += line->text;
    block += '\n';
    ++block_lines;
  }
  end_block();
  end_piece();
  return sections;
}

tl::expected<Sections, WhyLeftOut> read_text_file_sections(const fs::path& path, const std::string& name) {
  const auto kind = kind_of(path);
  if (!kind) return tl::unexpected(WhyLeftOut::kKind);
  std::error_code error;
  const auto size = fs::file_size(path, error);
  if (error) return tl::unexpected(WhyLeftOut::kUnreadable);
  if (size > kLargestTextFile) return tl::unexpected(WhyLeftOut::kTooLarge);
  tl::expected<Sections, WhyLeftOut> sections;
  if (*kind == TextKind::kPdf) {
    sections = pdf_sections(path, name);
  } else {
    const auto bytes = read_file(path, kLargestTextFile);
    if (!bytes) return tl::unexpected(WhyLeftOut::kUnreadable);
    const auto text = text_of_bytes(*bytes);
    if (!text) return tl::unexpected(text.error());
    switch (*kind) {
      case TextKind::kMarkdown:
        sections = markdown_sections(*text);
        break;
      case TextKind::kHtml:
        sections = html_sections(*text);
        break;
      case TextKind::kCode:
        sections = code_sections(*text, name);
        break;
      default:
        sections = plain_sections(*text);
        break;
    }
  }
  if (sections && sections->empty()) return tl::unexpected(WhyLeftOut::kNoText);
  return sections;
}

}  // namespace headwise
