// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The pages of a training: model card and report.
#include "align/align_flags.h"
#include "base/check.h"
#include "base/file.h"
#include "report/adapter_card.h"
#include "report/html.h"
#include "report/training_page.h"

namespace headwise {
namespace {

AdapterCard card_of(const AlignFlags& flags, const Model& model, const TrainingData& data,
                    const TrainingHistory& history, const TrainingOutcome& outcome, const Json& settings) {
  AdapterCard card;
  card.base_model = model.config().name;
  card.base_fingerprint = model.base_fingerprint();
  card.data = data.describe();
  card.teacher = !flags.targets.empty();
  for (const auto& [name, value] : settings.items()) {
    if (name == "data" || name == "model" || (value.is_array() && value.empty())) continue;
    card.settings.push_back({name, value.is_string() ? value.get<std::string>() : value.dump()});
  }
  for (const EvaluationRecord& record : history.evaluations) {
    if (record.update != 0 && record.update != outcome.best_update) continue;
    for (const HeldOutFigures& set : record.result.sets) {
      card.figures.push_back(
          {set.set + " (" + std::to_string(set.queries) + " queries), " +
               (record.update == 0 ? "before" : "after update " + std::to_string(record.update)),
           "alone " + fixed_digits(set.alone) + ", fused " + fixed_digits(set.fused) + ", first stage " +
               fixed_digits(set.first_stage)});
    }
  }
  card.figures.push_back({"updates", std::to_string(outcome.updates)});
  return card;
}

}  // namespace

Status write_training_pages(const std::filesystem::path& folder, const AlignFlags& flags, const Model& model,
                            const TrainingData& data, const TrainingHistory& history,
                            const TrainingOutcome& outcome, const Json& settings) {
  const AdapterCard card = card_of(flags, model, data, history, outcome, settings);
  TrainingReport report{card.base_model + ", " + card.base_fingerprint, card.data, {}, history, outcome};
  for (const CardRow& row : card.settings) report.settings.emplace_back(row.name, row.value);
  HW_RETURN_IF_ERROR(write_file_atomically(folder / "README.md", format_adapter_card(card)));
  return write_file_atomically(folder / "training.html", training_report_html(report));
}

}  // namespace headwise
