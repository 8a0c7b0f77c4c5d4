// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: what a mistyped word was meant to be, for messages.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace headwise {

// The candidate nearest to `word` (Damerau-Levenshtein), or an empty string when none is near enough to be
// what was meant.
std::string nearest_word(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace headwise
