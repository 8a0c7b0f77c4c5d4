// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What a model's name may be: a path, or the name of a model that is on this machine.
#include <algorithm>
#include <vector>

#include "base/ascii.h"
#include "base/near_word.h"
#include "engine/found_models.h"
#include "engine/model_names.h"
#include "headwise/engine.h"

namespace headwise {
namespace {

namespace fs = std::filesystem;

std::string names_in(const std::vector<FoundModel>& models) {
  std::string text;
  for (const FoundModel& model : models) text += (text.empty() ? "" : ", ") + model.name;
  return text;
}

std::string listing(const fs::path& folder, const std::vector<FoundModel>& models) {
  std::error_code ignored;
  const std::string name = "the models folder '" + folder.string() + "'";
  if (!fs::exists(folder, ignored)) return name + " does not exist";
  return name + (models.empty() ? " holds no model" : " holds " + names_in(models));
}

// What the default model may be called for short.
constexpr std::string_view kDefaultModelName = "smollm2";

constexpr std::string_view kNextStep =
    "; headwise-fetch-model fetches the default model (in a checkout: scripts/setup), HEADWISE_HOME names "
    "another home, and `headwise models` lists what other tools have brought";

tl::unexpected<Error> several(const std::string& wanted, const std::vector<FoundModel>& fitting) {
  std::string list;
  for (const FoundModel& model : fitting) {
    list += "\n  " + model.name + "  (" + model.place + ": " + model.path.string() + ")";
  }
  return fail(ErrorCode::kUsage,
              "'" + wanted + "' fits several models; name one of them, or its path:" + list);
}

}  // namespace

Result<fs::path> resolve_model(const std::string& given) {
  std::error_code ignored;
  const fs::path path = with_home(given);
  if (!given.empty() && fs::exists(path, ignored)) return path;
  const bool by_default = given.empty() || lower_ascii(given) == kDefaultModelName;
  const std::string wanted = by_default ? std::string(kDefaultModelFile) : given;
  const ModelPlaces places = model_places();
  // What is in our own folder was put there for us.
  const std::vector<FoundModel> own = models_of_headwise(places.own);
  std::vector<FoundModel> fitting = models_named(own, wanted);
  const std::vector<FoundModel> all = fitting.empty() ? find_models(places) : own;
  if (fitting.empty()) fitting = models_named(all, wanted);
  if (fitting.size() == 1) return fitting.front().path;
  if (fitting.size() > 1) return several(wanted, fitting);
  if (by_default) {
    return fail(ErrorCode::kNotFound, "the default model " + wanted + " is not there: " +
                                          listing(places.own, own) + std::string(kNextStep));
  }
  std::vector<std::string> known;
  for (const FoundModel& model : all) {
    known.insert(known.end(), model.exact.begin(), model.exact.end());
    known.insert(known.end(), model.loose.begin(), model.loose.end());
  }
  const std::string nearest = nearest_word(lower_ascii(wanted), known);
  return fail(ErrorCode::kNotFound,
              "no model '" + wanted + "': no such file or folder, and " + listing(places.own, own) +
                  (nearest.empty() ? "" : "; did you mean '" + nearest + "'?") + std::string(kNextStep));
}

}  // namespace headwise
