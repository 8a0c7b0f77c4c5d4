// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: one explanation as a page without script and without any address, and what it, like
// every other form of an explanation, is made from.
#pragma once

#include <span>
#include <string>

#include "headwise/explanation.h"

namespace headwise {

struct ExplainedAnswer {
  std::string query_id;
  std::string query;
  std::span<const Passage> passages;  // as they were given
  const Explanation* explanation = nullptr;
  std::string heads;               // Engine::describe_heads()
  std::string backend, precision;  // of DecoderDescription
  std::string calibration;         // these three in the settings' words
  std::string encoding;
  std::string fuse;
  bool per_head = false;
};

// A whole HTML page: every number that is shown, shaded by, or hinted at comes from `answer`.
std::string explanation_page(const ExplainedAnswer& answer);

}  // namespace headwise
