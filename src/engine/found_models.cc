// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "engine/found_models.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "base/ascii.h"
#include "base/file.h"
#include "engine/model_names.h"
#include "headwise/home.h"

namespace headwise {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr size_t kLargestList = size_t{4} << 20;  // bytes of a manifest
constexpr int kDeepest = 4;                       // folders below a repository

std::vector<fs::path> entries_of(const fs::path& folder) {
  std::vector<fs::path> entries;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    entries.push_back(at->path());
  }
  std::sort(entries.begin(), entries.end());
  return entries;
}

bool is_folder(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

// Files below a folder, those of hidden folders and links that lead to no file among them.
void add_files(const fs::path& folder, int deeper, std::vector<fs::path>& files) {
  for (const fs::path& entry : entries_of(folder)) {
    if (!is_folder(entry)) {
      files.push_back(entry);
    } else if (deeper > 0) {
      add_files(entry, deeper - 1, files);
    }
  }
}

// Without the white space at its end; empty where it cannot be read.
std::string short_text_in(const fs::path& file) {
  std::string text = read_text_file(file, 4096).value_or("");
  text.resize(std::min(text.size(), text.find_last_not_of(" \r\n") + 1));
  return text;
}

Json list_in(const fs::path& file) {
  const auto text = read_text_file(file, kLargestList);
  return text ? Json::parse(*text, nullptr, false) : Json();
}

std::string member_text(const Json& object, const char* member) {
  if (!object.is_object()) return {};
  const auto found = object.find(member);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// Where a repository's files are, and what it is called.
struct Repository {
  std::string id;                      // "Qwen/Qwen3-0.6B"
  std::string revision;                // "@abc1234", where it is not the usual one
  std::vector<std::string> revisions;  // what else stands behind '@' for it
  std::string place;
  fs::path folder;
};

void add_names(const Repository& from, const std::string& behind, std::vector<std::string>& names) {
  if (from.revision.empty()) names.push_back(lower_ascii(from.id + behind));
  for (const std::string& revision : from.revisions) {
    names.push_back(lower_ascii(from.id + "@" + revision + behind));
  }
}

// The folder, where it has a configuration and weights, and each GGUF file.
void add_repository(const Repository& from, std::vector<FoundModel>& models) {
  std::vector<fs::path> files;
  add_files(from.folder, kDeepest, files);
  std::vector<fs::path> weights;
  bool config = false, tensors = false;
  for (const fs::path& file : files) {
    if (is_gguf_model(file)) weights.push_back(file);
    tensors = tensors || file.extension() == ".safetensors";
    config = config || file == from.folder / "config.json";
  }
  const std::string base = from.id.substr(from.id.rfind('/') + 1);
  if (config && (tensors || weights.empty())) {
    FoundModel model{
        .name = from.id + from.revision, .exact = {}, .loose = {}, .place = from.place, .path = from.folder};
    add_names(from, "", model.exact);
    if (from.revision.empty()) model.loose.push_back(lower_ascii(base));
    models.push_back(std::move(model));
  }
  std::multiset<std::string> kinds;
  for (const fs::path& file : weights) kinds.insert(lower_ascii(quantisation_in(file)));
  for (const fs::path& file : weights) {
    const std::string kind = quantisation_in(file);
    const std::string in_folder = "/" + file.lexically_relative(from.folder).generic_string();
    const bool told_by_kind = !kind.empty() && kinds.count(lower_ascii(kind)) == 1;
    FoundModel model{.name = from.id + from.revision + (told_by_kind ? ":" + kind : in_folder),
                     .exact = {},
                     .loose = {},
                     .place = from.place,
                     .path = file};
    add_names(from, in_folder, model.exact);
    if (told_by_kind) add_names(from, ":" + kind, model.exact);
    if (from.revision.empty()) {
      model.loose = names_of_file(file);
      model.loose.push_back(lower_ascii(base));
    }
    add_names(from, "", model.loose);
    models.push_back(std::move(model));
  }
}

// models--ORG--NAME/{refs/REVISION, snapshots/COMMIT}.
void add_hugging_face(const fs::path& hub, std::vector<FoundModel>& models) {
  constexpr std::string_view kStart = "models--";
  for (const fs::path& entry : entries_of(hub)) {
    std::string id = entry.filename().string();
    if (!id.starts_with(kStart)) continue;
    id.erase(0, kStart.size());
    if (const size_t at = id.find("--"); at != std::string::npos) id.replace(at, 2, "/");
    std::vector<fs::path> refs;
    add_files(entry / "refs", kDeepest, refs);
    std::multimap<std::string, std::string> revisions;  // by commit
    std::string main_commit;
    for (const fs::path& ref : refs) {
      const std::string commit = short_text_in(ref);
      const std::string name = ref.lexically_relative(entry / "refs").generic_string();
      if (name == "main") main_commit = commit;
      revisions.emplace(commit, name);
    }
    const std::vector<fs::path> snapshots = entries_of(entry / "snapshots");
    for (const fs::path& snapshot : snapshots) {
      const std::string commit = snapshot.filename().string();
      const bool usual = commit == main_commit || (main_commit.empty() && snapshot == snapshots.back());
      Repository from{.id = id,
                      .revision = usual ? "" : "@" + commit.substr(0, 12),
                      .revisions = {commit, commit.substr(0, 12), commit.substr(0, 7)},
                      .place = "Hugging Face",
                      .folder = snapshot};
      const auto [first, last] = revisions.equal_range(commit);
      for (auto at = first; at != last; ++at) from.revisions.push_back(at->second);
      add_repository(from, models);
    }
  }
}

// manifests/HOST/NAMESPACE/MODEL/TAG names blobs/sha256-... of its layers.
void add_ollama(const fs::path& root, std::vector<FoundModel>& models) {
  std::vector<fs::path> manifests;
  add_files(root / "manifests", kDeepest, manifests);
  for (const fs::path& manifest : manifests) {
    const fs::path at = manifest.lexically_relative(root / "manifests");
    const std::vector<std::string> parts(at.begin(), at.end());
    if (parts.size() != 4) continue;
    std::string model = parts[2];
    if (parts[1] != "library") model = parts[1] + "/" + model;
    if (parts[0] != "registry.ollama.ai")
      model = parts[0] + "/" + (parts[1] == "library" ? "library/" : "") + model;
    const Json list = list_in(manifest);
    const auto layers = list.is_object() ? list.find("layers") : list.end();
    if (!list.is_object() || layers == list.end() || !layers->is_array()) continue;
    for (const Json& layer : *layers) {
      if (member_text(layer, "mediaType") != "application/vnd.ollama.image.model") continue;
      std::string digest = member_text(layer, "digest");
      if (digest.find('/') != std::string::npos) continue;
      std::error_code ignored;
      if (!fs::exists(root / "blobs" / digest, ignored)) std::replace(digest.begin(), digest.end(), ':', '-');
      FoundModel found{.name = model + ":" + parts[3],
                       .exact = {lower_ascii(model + ":" + parts[3])},
                       .loose = {lower_ascii(model)},
                       .place = "Ollama",
                       .path = root / "blobs" / digest};
      if (parts[3] == "latest") found.exact.push_back(lower_ascii(model));
      models.push_back(std::move(found));
      break;
    }
  }
}

void add_lm_studio(const fs::path& root, std::vector<FoundModel>& models) {
  for (const fs::path& publisher : entries_of(root)) {
    if (!is_folder(publisher) || publisher.filename().string().starts_with('.')) continue;
    for (const fs::path& repository : entries_of(publisher)) {
      if (!is_folder(repository)) continue;
      add_repository({.id = publisher.filename().string() + "/" + repository.filename().string(),
                      .revision = {},
                      .revisions = {},
                      .place = "LM Studio",
                      .folder = repository},
                     models);
    }
  }
}

// USER_REPOSITORY_FILE.gguf, and manifest=USER=REPOSITORY=TAG.json that says which FILE a tag is.
void add_llama_cpp(const fs::path& root, std::vector<FoundModel>& models) {
  constexpr std::string_view kList = "manifest=";
  const std::vector<fs::path> entries = entries_of(root);
  std::multimap<std::string, std::string> tags;  // by file
  for (const fs::path& entry : entries) {
    std::string name = entry.filename().string();
    if (!name.starts_with(kList) || !name.ends_with(".json")) continue;
    name = name.substr(kList.size(), name.size() - kList.size() - std::string_view(".json").size());
    const size_t user = name.find('='), tag = name.rfind('=');
    if (user == std::string::npos || user == tag) continue;
    const std::string repository = name.substr(user + 1, tag - user - 1);
    const Json list = list_in(entry);
    std::string file =
        list.is_object() && list.contains("ggufFile") ? member_text(list["ggufFile"], "rfilename") : "";
    if (file.empty()) continue;
    std::replace(file.begin(), file.end(), '/', '_');
    tags.emplace(name.substr(0, user) + "_" + repository + "_" + file,
                 name.substr(0, user) + "/" + repository + ":" + name.substr(tag + 1));
  }
  for (const fs::path& entry : entries) {
    if (is_folder(entry) || !is_gguf_model(entry)) continue;
    const std::string file = entry.filename().string();
    FoundModel found{.name = file,
                     .exact = {lower_ascii(file)},
                     .loose = names_of_file(entry),
                     .place = "llama.cpp",
                     .path = entry};
    const auto [first, last] = tags.equal_range(file);
    for (auto at = first; at != last; ++at) {
      if (at == first) found.name = at->second;
      found.exact.push_back(lower_ascii(at->second));
      found.loose.push_back(lower_ascii(at->second.substr(0, at->second.rfind(':'))));
    }
    models.push_back(std::move(found));
  }
}

// The variable's folder, or nothing.
fs::path named_by(const char* variable) {
  const char* value = std::getenv(variable);
  return value == nullptr ? fs::path() : with_home(value);
}

fs::path first_of(std::initializer_list<fs::path> paths) {
  for (const fs::path& path : paths) {
    if (!path.empty()) return path;
  }
  return {};
}

}  // namespace

ModelPlaces model_places() {
  const fs::path home = user_home();
  const fs::path cache = first_of({named_by("XDG_CACHE_HOME"), home / ".cache"});
  const fs::path hugging_face = first_of({named_by("HF_HOME"), cache / "huggingface"});
  ModelPlaces places;
  places.own = headwise_home() / "models";
  places.hugging_face =
      first_of({named_by("HF_HUB_CACHE"), named_by("HUGGINGFACE_HUB_CACHE"), hugging_face / "hub"});
  if (const fs::path named = named_by("OLLAMA_MODELS"); !named.empty()) {
    places.ollama = {named};
  } else {
    // A user's own, and the service's.
    places.ollama = {home / ".ollama" / "models", "/usr/share/ollama/.ollama/models",
                     "/var/lib/ollama/models"};
  }
  const std::string pointer = short_text_in(home / ".lmstudio-home-pointer");
  if (!pointer.empty()) places.lm_studio.push_back(fs::path(pointer) / "models");
  for (const fs::path& usual : {home / ".lmstudio" / "models", cache / "lm-studio" / "models"}) {
    if (places.lm_studio.empty() || places.lm_studio.front() != usual) places.lm_studio.push_back(usual);
  }
  places.llama_cpp = first_of({named_by("LLAMA_CACHE"), cache / "llama.cpp"});
  return places;
}

std::vector<FoundModel> models_of_headwise(const fs::path& folder) {
  std::vector<FoundModel> models;
  for (const fs::path& entry : entries_of(folder)) {
    std::error_code ignored;
    if (is_folder(entry) ? !fs::exists(entry / "config.json", ignored) : !is_gguf_model(entry)) continue;
    const std::string file = entry.filename().string();
    models.push_back({.name = file,
                      .exact = {lower_ascii(file)},
                      .loose = names_of_file(entry),
                      .place = "headwise",
                      .path = entry});
  }
  return models;
}

std::vector<FoundModel> find_models(const ModelPlaces& places) {
  std::vector<FoundModel> models = models_of_headwise(places.own);
  add_hugging_face(places.hugging_face, models);
  for (const fs::path& root : places.ollama) add_ollama(root, models);
  for (const fs::path& root : places.lm_studio) add_lm_studio(root, models);
  add_llama_cpp(places.llama_cpp, models);
  return models;
}

std::vector<FoundModel> models_named(const std::vector<FoundModel>& models, std::string_view name) {
  const std::string wanted = lower_ascii(name);
  for (const auto names : {&FoundModel::exact, &FoundModel::loose}) {
    std::vector<FoundModel> fitting;
    std::set<fs::path> seen;
    for (const FoundModel& model : models) {
      const std::vector<std::string>& known = model.*names;
      if (std::find(known.begin(), known.end(), wanted) == known.end()) continue;
      std::error_code ignored;
      const fs::path real = fs::weakly_canonical(model.path, ignored);
      if (seen.insert(real.empty() ? model.path : real).second) fitting.push_back(model);
    }
    if (!fitting.empty()) return fitting;
  }
  return {};
}

}  // namespace headwise
