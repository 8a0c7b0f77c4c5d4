// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "formats/corpus.h"

#include <algorithm>
#include <system_error>
#include <utility>

#include "base/check.h"
#include "base/child_process.h"
#include "base/fingerprint.h"
#include "formats/beir.h"
#include "formats/printable.h"
#include "formats/text_files.h"

namespace headwise {
namespace {

namespace fs = std::filesystem;

// Ours, and no news to anybody.
bool is_index(const std::string& name) {
  return name.ends_with(".bm25") || name.find(".bm25.building-") != std::string::npos;
}

// The files of a folder and of those below it. Links to folders are not followed, so there is no going round.
class FolderWalk {
 public:
  explicit FolderWalk(Corpus& corpus) : corpus_(corpus) {}

  void look_into(const fs::path& folder) {
    std::error_code error;
    fs::directory_iterator at(folder, error);
    if (error) return leave_out(WhyLeftOut::kUnreadable, folder);
    for (; at != fs::directory_iterator(); at.increment(error)) {
      look_at(*at);
      if (error) return leave_out(WhyLeftOut::kUnreadable, folder);
    }
  }

 private:
  void leave_out(WhyLeftOut why, const fs::path& path) {
    corpus_.left_out.add(why, path.lexically_relative(corpus_.root).string());
  }

  void look_at(const fs::directory_entry& entry) {
    const std::string name = entry.path().filename().string();
    std::error_code error;
    if (is_index(name)) return;
    if (name.starts_with('.')) return leave_out(WhyLeftOut::kHidden, entry.path());
    const bool link = entry.is_symlink(error);
    if (entry.is_directory(error)) {
      return link ? leave_out(WhyLeftOut::kFolderLink, entry.path()) : look_into(entry.path());
    }
    if (!entry.is_regular_file(error)) return leave_out(WhyLeftOut::kNoFile, entry.path());
    if (!is_text_file(entry.path())) return leave_out(WhyLeftOut::kKind, entry.path());
    corpus_.files.push_back(entry.path());
  }

  Corpus& corpus_;
};

tl::unexpected<Error> nothing_read(const Corpus& corpus, const LeftOut& left_out) {
  const std::string told = left_out.summary();
  return fail(ErrorCode::kInvalidInput,
              "--corpus " + printable_path(corpus.given.string()) +
                  " has neither corpus.jsonl nor a text file (text, Markdown, HTML, "
                  "PDF, program text) that can be read" +
                  (told.empty() ? "" : "; " + told));
}

Result<Corpus> find_folder(const fs::path& folder) {
  std::error_code error;
  const fs::path beir = folder / "corpus.jsonl";
  if (fs::is_regular_file(beir, error)) {
    return Corpus{
        .kind = Corpus::Kind::kLines, .given = folder, .files = {beir}, .root = folder, .left_out = {}};
  }
  Corpus corpus{.kind = Corpus::Kind::kFolder, .given = folder, .files = {}, .root = folder, .left_out = {}};
  FolderWalk(corpus).look_into(folder);
  if (corpus.files.empty()) return nothing_read(corpus, corpus.left_out);
  std::sort(corpus.files.begin(), corpus.files.end());
  return corpus;
}

}  // namespace

Result<Corpus> find_corpus(const fs::path& given) {
  std::error_code error;
  if (fs::is_directory(given, error)) return find_folder(given);
  if (!fs::is_regular_file(given, error)) {
    return fail(ErrorCode::kNotFound, "--corpus: there is no file or folder '" + given.string() + "'");
  }
  Corpus corpus{.given = given, .files = {given}, .root = given.parent_path(), .left_out = {}};
  if (given.filename() == "corpus.jsonl" || given.extension() == ".tsv") {
    corpus.kind = Corpus::Kind::kLines;
  } else if (is_text_file(given) && given.extension() != ".txt" && given.extension() != ".text") {
    corpus.kind = Corpus::Kind::kFolder;
  }
  return corpus;
}

Status for_each_document(const Corpus& corpus, const UseDocument& use, LeftOut& left_out) {
  if (corpus.kind == Corpus::Kind::kLines) return for_each_line_document(corpus.files.front(), use);
  if (corpus.kind == Corpus::Kind::kPassages) {
    const auto documents = read_passages(corpus.files.front());
    HW_RETURN_IF_ERROR(documents);
    for (const Document& document : documents->items()) HW_RETURN_IF_ERROR(use(document));
    return {};
  }
  left_out.add(corpus.left_out);
  bool any = false;
  for (const fs::path& file : corpus.files) {
    // A name may be any bytes; what is written and printed is UTF-8.
    const std::string name = replace_invalid_utf8(file.lexically_relative(corpus.root).string());
    const auto sections = read_text_file_sections(file, name);
    if (!sections) {
      left_out.add(sections.error(), name);
      continue;
    }
    int number = 0;
    for (const Section& section : *sections) {
      HW_RETURN_IF_ERROR(
          use({.id = name + "#" + std::to_string(++number), .title = section.title, .text = section.text}));
      any = true;
    }
  }
  return any ? Status{} : nothing_read(corpus, left_out);
}

Result<Documents> read_corpus(const Corpus& corpus, LeftOut& left_out) {
  Documents documents;
  const auto add = [&](const Document& document) -> Status {
    documents.add(document);
    return {};
  };
  HW_RETURN_IF_ERROR(for_each_document(corpus, add, left_out));
  return documents;
}

Result<std::string> signature_of(const Corpus& corpus) {
  Fingerprint signature;
  bool pdf = false;
  for (const fs::path& file : corpus.files) {
    std::error_code error;
    const auto size = fs::file_size(file, error);
    const auto time = error ? fs::file_time_type() : fs::last_write_time(file, error);
    if (error) return fail(ErrorCode::kIo, "'" + file.string() + "': " + error.message());
    signature.add(file.lexically_relative(corpus.root).string());
    signature.add(std::to_string(size));
    signature.add(std::to_string(time.time_since_epoch().count()));
    pdf = pdf || (corpus.kind == Corpus::Kind::kFolder && is_pdf_file(file));
  }
  if (pdf) signature.add(find_program("pdftotext") ? "with pdftotext" : "without pdftotext");
  return signature.hex();
}

}  // namespace headwise
