// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: options of a Reranker that contradict each other, and the order in which they put the
// candidates.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

#include "headwise/error.h"
#include "headwise/reranker.h"

namespace headwise {

// kUsage names both flags.
Status check_options(const RerankerOptions& options);
// The request's index of the i-th passage in the prompt.
std::vector<int> prompt_order(const RerankerOptions& options, size_t passages, std::string_view query);

}  // namespace headwise
