// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What a model's name may be, and where models are.
#include <algorithm>
#include <cctype>
#include <regex>
#include <vector>

#include "base/near_word.h"
#include "headwise/engine.h"

namespace headwise {
namespace {

namespace fs = std::filesystem;

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

// The names that a file or folder answers to: as it is, without .gguf, without the quantisation.
std::vector<std::string> names_of(const fs::path& path) {
  static const std::regex kPart("-[0-9]{5}-of-[0-9]{5}$");
  static const std::regex kQuantisation("[.-](i?q[0-9][a-z0-9_]*|f16|bf16|f32|fp16|fp32)$");
  std::vector<std::string> names{lower(path.filename().string())};
  std::string stem = names.front();
  if (stem.ends_with(".gguf")) stem.resize(stem.size() - 5);
  names.push_back(stem);
  stem = std::regex_replace(stem, kPart, "");
  names.push_back(stem);
  names.push_back(std::regex_replace(stem, kQuantisation, ""));
  return names;
}

bool is_model(const fs::path& path) {
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) return fs::exists(path / "config.json", ignored);
  const std::string name = lower(path.filename().string());
  if (!name.ends_with(".gguf")) return false;
  // Of a split model only the first part can be loaded.
  static const std::regex kLaterPart("-[0-9]{5}-of-[0-9]{5}\\.gguf$");
  return !std::regex_search(name, kLaterPart) || name.find("-00001-of-") != std::string::npos;
}

std::vector<fs::path> models_in(const fs::path& folder) {
  std::vector<fs::path> models;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (is_model(it->path())) models.push_back(it->path());
  }
  std::sort(models.begin(), models.end());
  return models;
}

std::string listing(const fs::path& folder, const std::vector<fs::path>& models) {
  std::error_code ignored;
  if (!fs::exists(folder, ignored)) return "the models folder '" + folder.string() + "' does not exist";
  if (models.empty()) return "the models folder '" + folder.string() + "' holds no model";
  std::string text = "the models folder '" + folder.string() + "' holds ";
  for (size_t i = 0; i < models.size(); ++i) {
    text += (i > 0 ? ", " : "") + models[i].filename().string();
  }
  return text;
}

// What the default model may be called for short.
constexpr std::string_view kDefaultModelName = "smollm2";

constexpr std::string_view kNextStep =
    "; scripts/setup fetches the default model, HEADWISE_HOME names another home";

}  // namespace

Result<fs::path> resolve_model(const std::string& given) {
  std::error_code ignored;
  const fs::path folder = headwise_home() / "models";
  if (!given.empty() && fs::exists(given, ignored)) return fs::path(given);
  const bool by_default = given.empty() || lower(given) == kDefaultModelName;
  const std::string wanted = by_default ? std::string(kDefaultModelFile) : given;
  const std::vector<fs::path> models = models_in(folder);
  std::vector<fs::path> fitting;
  std::vector<std::string> known;
  for (const fs::path& model : models) {
    const std::vector<std::string> names = names_of(model);
    if (names.front() == lower(wanted)) return model;  // the whole file name: nothing can be meant but this
    if (std::find(names.begin(), names.end(), lower(wanted)) != names.end()) fitting.push_back(model);
    known.push_back(names.back());
  }
  if (fitting.size() == 1) return fitting.front();
  if (fitting.size() > 1) {
    return fail(ErrorCode::kUsage, "'" + wanted + "' fits several models (" + listing(folder, fitting) +
                                       "); give the whole file name");
  }
  if (by_default) {
    return fail(ErrorCode::kNotFound, "the default model " + wanted + " is not there: " +
                                          listing(folder, models) + std::string(kNextStep));
  }
  const std::string nearest = nearest_word(lower(wanted), known);
  return fail(ErrorCode::kNotFound,
              "no model '" + wanted + "': no such file or folder, and " + listing(folder, models) +
                  (nearest.empty() ? "" : "; did you mean '" + nearest + "'?") + std::string(kNextStep));
}

}  // namespace headwise
