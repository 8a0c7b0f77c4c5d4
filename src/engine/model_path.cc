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

// A folder's own file stands for the folder: it is what other tools are pointed to.
fs::path whole_of(const fs::path& path) {
  std::error_code ignored;
  const std::string name = path.filename().string();
  const bool part = name == "config.json" || name.ends_with(".safetensors") || name.ends_with(".index.json");
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  const bool inside =
      part && fs::is_regular_file(path, ignored) && fs::exists(folder / "config.json", ignored);
  return inside ? folder : path;
}

// Written like a place in the file system, so that no name can be meant.
bool is_place(const std::string& given) {
  return given.starts_with('/') || given.starts_with("./") || given.starts_with("../") ||
         given.starts_with('~') || given.starts_with('$');
}

// How a model that is not here comes here, where its name says who has it.
std::string bringing(const std::string& name) {
  const size_t slash = name.find('/'), colon = name.find(':');
  if (name.find_first_of(" \t\n'\"$`") != std::string::npos) return {};
  if (colon != std::string::npos && slash == std::string::npos)
    return "; where it is one of Ollama's, `ollama pull " + name + "` brings it";
  const bool id = slash != std::string::npos && slash > 0 && slash + 1 < name.size() &&
                  name.find('/', slash + 1) == std::string::npos;
  if (!id) return {};
  return "; nothing is downloaded by itself: where it is one of Hugging Face's, `hf download " +
         name.substr(0, std::min(colon, name.find('@'))) + "` brings it";
}

}  // namespace

Result<fs::path> resolve_model(const std::string& given) {
  std::error_code ignored;
  const fs::path path = with_home(given);
  if (!given.empty() && fs::exists(path, ignored)) return whole_of(path);
  if (is_place(given)) {
    return fail(ErrorCode::kNotFound,
                "no model '" + given + "': no such file or folder" +
                    (path == given ? std::string() : " ('" + path.string() + "')") +
                    "; expected a .gguf file, a folder with config.json, or a name that `headwise models` "
                    "lists");
  }
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
                  (nearest.empty() ? bringing(wanted) : "; did you mean '" + nearest + "'?") +
                  std::string(kNextStep));
}

}  // namespace headwise
