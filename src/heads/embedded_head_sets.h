// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the head-set files of models/ as texts. The definition is made by
// cmake/embed_head_sets.cmake when the library is built.
#pragma once

#include <span>
#include <string_view>

#include "headwise/head_set.h"

namespace headwise {

struct EmbeddedHeadSet {
  const char* name;  // "qrhead/llama-3.1-8b"
  const char* json;  // docs/formats.md#head-sets
};

// Sorted by name.
std::span<const EmbeddedHeadSet> embedded_head_sets();

// A head set that is built in: sound, or a bug of ours (unit tests read every one of them).
HeadSet built_in_head_set(std::string_view json);

}  // namespace headwise
