// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: GGUF's names and key-value pairs, read one after the other, for gguf_reader.cc alone.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "formats/byte_cursor.h"
#include "formats/gguf.h"

namespace headwise {

// A name that is not empty and not too long; `what` stands for it in messages.
Result<std::string> read_gguf_name(ByteCursor& cursor, const std::string& what);
// `pairs` keys with their values; a key that is there already is an error.
Status read_gguf_pairs(ByteCursor& cursor, uint64_t pairs,
                       std::map<std::string, GgufValue, std::less<>>& metadata);

}  // namespace headwise
