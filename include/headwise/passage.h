// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: a candidate, as whoever ranks is given it.
//
// Thread rule: plain values.
#pragma once

#include <optional>
#include <string>

namespace headwise {

// Only `text` is needed. UTF-8.
struct Passage {
  std::string id;
  std::string title;
  std::string text;
  std::optional<double> first_stage_score{};  // needed by `fuse` alone
};

}  // namespace headwise
