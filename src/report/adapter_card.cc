// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "report/adapter_card.h"

namespace headwise {
namespace {

std::string line(const CardRow& row) { return "| " + row.name + " | " + row.value + " |\n"; }

}  // namespace

std::string format_adapter_card(const AdapterCard& card) {
  std::string text = "---\nlibrary_name: peft\nbase_model: " + card.base_model +
                     "\ntags:\n- headwise\n- reranking\n- lora\n---\n\n# Attention heads of " +
                     card.base_model + ", aligned for re-ranking\n\n";
  text +=
      "A LoRA adapter that trains what chosen attention heads pay to passages, and the set of those heads "
      "(heads.json). Made by `headwise align`; used by `headwise rerank --adapter FOLDER`, or by PEFT with "
      "any code that "
      "reads attention.\n\nThe method follows HeadRank (arXiv 2604.17237) as far as its abstract tells it: "
      "losses and "
      "settings are a reconstruction.\n";
  if (card.teacher) {
    text +=
        "Training on a teacher's scores with a listwise divergence is this project's own addition, not part "
        "of the "
        "paper.\n";
  }
  text += "\nBase model: `" + card.base_fingerprint + "`\n\n## Data\n\n";
  for (const std::string& source : card.data) text += "- " + source + "\n";
  text += "\n## Figures\n\nOf the held-out queries named, nDCG@10.\n\n| | |\n| --- | --- |\n";
  for (const CardRow& row : card.figures) text += line(row);
  text += "\n## Settings\n\n| flag | value |\n| --- | --- |\n";
  for (const CardRow& row : card.settings) text += line(row);
  return text;
}

}  // namespace headwise
