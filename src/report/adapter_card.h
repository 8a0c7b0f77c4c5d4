// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the card of a trained adapter (README.md beside it), as Markdown.
#pragma once

#include <string>
#include <vector>

namespace headwise {

struct CardRow {
  std::string name;
  std::string value;
};
struct AdapterCard {
  std::string base_model;  // its name
  std::string base_fingerprint;
  std::vector<std::string> data;  // a line a source
  std::vector<CardRow> settings;  // all of them
  std::vector<CardRow> figures;
  bool teacher = false;  // trained on a teacher's scores: our addition to the paper's method
};
// Markdown with the YAML header that PEFT's own cards have.
std::string format_adapter_card(const AdapterCard& card);

}  // namespace headwise
