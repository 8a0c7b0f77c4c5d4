// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: which files a --corpus is made of, and their documents.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "formats/left_out.h"
#include "headwise/dataset.h"
#include "headwise/error.h"

namespace headwise {

struct Corpus {
  enum class Kind { kLines, kPassages, kFolder };
  Kind kind = Kind::kPassages;
  std::filesystem::path given;
  std::vector<std::filesystem::path> files;  // sorted
  std::filesystem::path root;                // names of a folder's files are relative to it
  LeftOut left_out;                          // what of a folder is not among the files
};

// kNotFound: nothing there; kInvalidInput: a folder with neither corpus.jsonl nor a file that is read.
Result<Corpus> find_corpus(const std::filesystem::path& given);
// One document after another, in the corpus's order, without holding them all where the files are lines or a
// folder; `use` may stop with an error of its own. A folder's files that cannot be read are left out and told
// in `left_out`, which has the corpus's own in the end, too; kInvalidInput when none can.
using UseDocument = std::function<Status(const Document&)>;
Status for_each_document(const Corpus& corpus, const UseDocument& use, LeftOut& left_out);
Result<Documents> read_corpus(const Corpus& corpus, LeftOut& left_out);
// Changes when a file is added, taken away, or written to, and when what PDF files are read with comes or
// goes.
Result<std::string> signature_of(const Corpus& corpus);

}  // namespace headwise
