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
Status add_paragraphs(const std::string& text, const std::string& name, Documents& documents) {
  if (const auto at = first_invalid_utf8(text)) {
    return fail(ErrorCode::kInvalidInput, "'" + name + "' is not UTF-8: byte " + std::to_string(*at) +
                                              " starts no valid character; convert it, e.g. with iconv");
  }
  std::string paragraph;
  int number = 0;
  const auto finish = [&] {
    if (paragraph.empty()) return;
    documents.add({.id = name + "#" + std::to_string(++number), .title = {}, .text = std::move(paragraph)});
    paragraph.clear();
  };
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    std::string line = text.substr(begin, end - begin);
    begin = end + 1;
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ' || line.back() == '\t'))
      line.pop_back();
    if (line.empty()) {
      finish();
    } else {
      paragraph += (paragraph.empty() ? "" : "\n") + line;
    }
  }
  finish();
  return {};
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

Result<Documents> read_corpus(const Corpus& corpus) {
  if (corpus.kind == Corpus::Kind::kLines) return read_documents(corpus.files.front());
  if (corpus.kind == Corpus::Kind::kPassages) return read_passages(corpus.files.front());
  Documents documents;
  for (const fs::path& file : corpus.files) {
    auto text = read_text_file(file);
    if (!text) return fail(std::move(text.error()));
    const std::string name = file.lexically_relative(corpus.root).string();
    HW_RETURN_IF_ERROR(add_paragraphs(*text, name, documents));
  }
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
