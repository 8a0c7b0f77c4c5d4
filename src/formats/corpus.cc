// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "formats/corpus.h"

#include <algorithm>
#include <system_error>
#include <utility>

#include "base/check.h"
#include "base/file.h"
#include "base/fingerprint.h"
#include "base/utf8.h"
#include "formats/beir.h"

namespace headwise {
namespace {

namespace fs = std::filesystem;

bool is_text_file(const fs::path& path) {
  const std::string ending = path.extension().string();
  return ending == ".txt" || ending == ".md" || ending == ".text";
}

Result<Corpus> find_folder(const fs::path& folder) {
  std::error_code error;
  const fs::path beir = folder / "corpus.jsonl";
  if (fs::is_regular_file(beir, error)) {
    return Corpus{.kind = Corpus::Kind::kLines, .files = {beir}, .root = folder};
  }
  Corpus corpus{.kind = Corpus::Kind::kFolder, .files = {}, .root = folder};
  fs::recursive_directory_iterator at(folder, fs::directory_options::skip_permission_denied, error);
  for (; !error && at != fs::recursive_directory_iterator(); at.increment(error)) {
    std::error_code ignored;
    if (at->is_regular_file(ignored) && is_text_file(at->path())) corpus.files.push_back(at->path());
  }
  if (error) return fail(ErrorCode::kIo, "--corpus '" + folder.string() + "': " + error.message());
  if (corpus.files.empty()) {
    return fail(ErrorCode::kInvalidInput,
                "--corpus '" + folder.string() + "' has neither corpus.jsonl nor a text file (.txt, .md)");
  }
  std::sort(corpus.files.begin(), corpus.files.end());
  return corpus;
}

// Text up to a line without a letter is a paragraph; its number in the file, from 1, is part of its id.
Status add_paragraphs(const std::string& text, const std::string& name, const UseDocument& use) {
  if (const auto at = first_invalid_utf8(text)) {
    return fail(ErrorCode::kInvalidInput, "'" + name + "' is not UTF-8: byte " + std::to_string(*at) +
                                              " starts no valid character; convert it, e.g. with iconv");
  }
  std::string paragraph;
  int number = 0;
  const auto finish = [&]() -> Status {
    if (paragraph.empty()) return {};
    const Document document{.id = name + "#" + std::to_string(++number), .title = {}, .text = paragraph};
    paragraph.clear();
    return use(document);
  };
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    std::string line = text.substr(begin, end - begin);
    begin = end + 1;
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ' || line.back() == '\t'))
      line.pop_back();
    if (line.empty()) {
      HW_RETURN_IF_ERROR(finish());
    } else {
      paragraph += (paragraph.empty() ? "" : "\n") + line;
    }
  }
  return finish();
}

}  // namespace

Result<Corpus> find_corpus(const fs::path& given) {
  std::error_code error;
  if (fs::is_directory(given, error)) return find_folder(given);
  if (!fs::is_regular_file(given, error)) {
    return fail(ErrorCode::kNotFound, "--corpus: there is no file or folder '" + given.string() + "'");
  }
  const bool lines = given.filename() == "corpus.jsonl" || given.extension() == ".tsv";
  return Corpus{.kind = lines ? Corpus::Kind::kLines : Corpus::Kind::kPassages,
                .files = {given},
                .root = given.parent_path()};
}

Status for_each_document(const Corpus& corpus, const UseDocument& use) {
  if (corpus.kind == Corpus::Kind::kLines) return for_each_line_document(corpus.files.front(), use);
  if (corpus.kind == Corpus::Kind::kPassages) {
    const auto documents = read_passages(corpus.files.front());
    HW_RETURN_IF_ERROR(documents);
    for (const Document& document : documents->items()) HW_RETURN_IF_ERROR(use(document));
    return {};
  }
  for (const fs::path& file : corpus.files) {
    auto text = read_text_file(file);
    HW_RETURN_IF_ERROR(text);
    HW_RETURN_IF_ERROR(add_paragraphs(*text, file.lexically_relative(corpus.root).string(), use));
  }
  return {};
}

Result<Documents> read_corpus(const Corpus& corpus) {
  Documents documents;
  HW_RETURN_IF_ERROR(for_each_document(corpus, [&](const Document& document) -> Status {
    documents.add(document);
    return {};
  }));
  return documents;
}

Result<std::string> signature_of(const Corpus& corpus) {
  Fingerprint signature;
  for (const fs::path& file : corpus.files) {
    std::error_code error;
    const auto size = fs::file_size(file, error);
    const auto time = error ? fs::file_time_type() : fs::last_write_time(file, error);
    if (error) return fail(ErrorCode::kIo, "'" + file.string() + "': " + error.message());
    signature.add(file.lexically_relative(corpus.root).string());
    signature.add(std::to_string(size));
    signature.add(std::to_string(time.time_since_epoch().count()));
  }
  return signature.hex();
}

}  // namespace headwise
