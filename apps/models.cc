// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The verb `models`: what is on this machine already, what each would need, and whether it loads. A model
// that cannot be read is a line of the list, no error.
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/digits.h"
#include "common/app.h"
#include "common/diagnostics.h"
#include "common/output.h"
#include "common/terminal.h"
#include "engine/found_models.h"
#include "model/description.h"

namespace headwise {
namespace {

struct ModelsFlags {
  bool json = false;
};

struct ListedModel {
  FoundModel found;
  Result<ModelDescription> description;
};

// Weights as they are stored, the layer at work and a prompt of 1,000 tokens.
int64_t needed_bytes(const MemoryCost& cost) {
  return cost.stored_weights + cost.largest_layer + cost.per_1000_tokens;
}

// Why it does not load; empty where nothing stands in the way.
std::string hindrance(const ListedModel& model) {
  if (!model.description) return model.description.error().message();
  if (model.description->may_load()) return {};
  std::string text;
  for (const std::string& phrase : model.description->unsupported)
    text += (text.empty() ? "" : "; ") + phrase;
  return text.empty() ? "no configuration" : text;
}

Json model_json(const ListedModel& model) {
  Json json{{"name", model.found.name}, {"place", model.found.place}, {"path", model.found.path.string()}};
  const std::string reason = hindrance(model);
  json["loads"] = reason.empty();
  if (!reason.empty()) json["reason"] = reason;
  if (!model.description) return json;
  const ModelDescription& description = *model.description;
  json["format"] = description.format;
  if (description.config) {
    json["architecture"] = description.config->architecture;
    json["layers"] = description.config->layers;
    json["heads"] = description.config->heads;
    json["context"] = description.config->context;
  }
  if (!description.tensor_types.empty()) json["tensor_type"] = description.tensor_types.front().type;
  if (description.memory) {
    json["memory"] = {{"needed", needed_bytes(*description.memory)},
                      {"stored_weights", description.memory->stored_weights},
                      {"largest_layer", description.memory->largest_layer},
                      {"per_1000_tokens", description.memory->per_1000_tokens}};
  }
  return json;
}

std::string models_table(const std::vector<ListedModel>& models) {
  std::vector<TableRow> rows{{"model", "found by", "layers x heads", "type", "needs"}};
  std::string hindered;
  for (const ListedModel& model : models) {
    const std::string name = without_controls(model.found.name), reason = hindrance(model);
    TableRow row{name, model.found.place, "", "", "-"};
    if (model.description) {
      const ModelDescription& description = *model.description;
      if (description.config && description.config->layers > 0) {
        row[2] =
            std::to_string(description.config->layers) + " x " + std::to_string(description.config->heads);
      }
      if (!description.tensor_types.empty())
        row[3] = cut_to_columns(description.tensor_types.front().type, 14);
      if (description.memory && reason.empty()) row[4] = bytes_text(needed_bytes(*description.memory));
    }
    rows.push_back(std::move(row));
    if (!reason.empty()) hindered += "  " + name + ": " + cut_to_columns(reason, 4000) + "\n";
  }
  std::string text = aligned_table(rows, 2);
  if (!hindered.empty()) text += "\ndo not load:\n" + hindered;
  return text;
}

std::string nothing_found(const ModelPlaces& places) {
  std::vector<std::filesystem::path> folders{places.own, places.hugging_face};
  folders.insert(folders.end(), places.ollama.begin(), places.ollama.end());
  folders.insert(folders.end(), places.lm_studio.begin(), places.lm_studio.end());
  folders.push_back(places.llama_cpp);
  std::string text;
  for (const std::filesystem::path& folder : folders) text += (text.empty() ? "" : ", ") + folder.string();
  return "no model was found; looked in " + text;
}

}  // namespace

Action add_models(CLI::App& verb, AppContext& context) {
  auto flags = std::make_shared<ModelsFlags>();
  verb.add_flag("--json", flags->json, "A JSON list instead of a table");
  return [flags, &context]() -> Status {
    const ModelPlaces places = model_places();
    std::vector<ListedModel> models;
    for (FoundModel& found : find_models(places)) {
      Result<ModelDescription> description = describe_headers(found.path);
      models.push_back({std::move(found), std::move(description)});
    }
    if (models.empty()) print_note(context.verb, context.quiet, nothing_found(places));
    if (flags->json) {
      Json list = Json::array();
      for (const ListedModel& model : models) list.push_back(model_json(model));
      return write_stdout(json_text(list));
    }
    return write_stdout(models.empty() ? std::string() : models_table(models));
  };
}

}  // namespace headwise
