// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: what the command line says on stderr. One shape for every error:
//
//   headwise rerank: 'x.gguf' is not a GGUF file: expected the magic 'GGUF', found 'PK..'
//     while loading the model 'x.gguf'
//     hint: ...
#pragma once

#include <string>
#include <string_view>

#include "base/near_word.h"
#include "headwise/error.h"

namespace headwise {

// Prints the error and returns the exit status that belongs to its code. `hint` may be empty.
int report_error(std::string_view verb, const Error& error, std::string_view hint = {});
// "headwise rerank: note: ..." on stderr; nothing with --quiet.
void print_note(std::string_view verb, bool quiet, std::string_view text);

}  // namespace headwise
