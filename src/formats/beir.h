// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the lines of corpus.jsonl, or "id <tab> text" lines, one document after another, for a
// file may be larger than memory. Of the documents before only the ids are kept.
#pragma once

#include <filesystem>
#include <functional>

#include "headwise/dataset.h"
#include "headwise/error.h"

namespace headwise {

// Errors as read_documents(); `use` may stop with one of its own.
Status for_each_line_document(const std::filesystem::path& path,
                              const std::function<Status(const Document&)>& use);

}  // namespace headwise
