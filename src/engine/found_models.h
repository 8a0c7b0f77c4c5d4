// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the models that are on this machine already, where people's tools put them: our own
// folder, Hugging Face's cache, Ollama's blobs, LM Studio's and llama.cpp's folders. Nothing is downloaded,
// and nothing but folders and small lists is read: what a model is, model/description.h says. Folders that
// cannot be read, lists that are damaged and downloads that never ended are no errors here.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace headwise {

struct ModelPlaces {
  std::filesystem::path own;                     // headwise_home()/models
  std::filesystem::path hugging_face;            // .../hub, with models--ORG--NAME
  std::vector<std::filesystem::path> ollama;     // with manifests/ and blobs/
  std::vector<std::filesystem::path> lm_studio;  // with PUBLISHER/REPOSITORY
  std::filesystem::path llama_cpp;               // GGUF files
};
// Of this user: HEADWISE_HOME, HF_HUB_CACHE, HF_HOME, OLLAMA_MODELS, LLAMA_CACHE and XDG_CACHE_HOME are
// obeyed.
ModelPlaces model_places();

struct FoundModel {
  std::string name;                // what --model takes for this one and no other
  std::vector<std::string> exact;  // in lower case: what names it and its like alone
  std::vector<std::string> loose;  // in lower case: what may be meant for it, where nothing is named exactly
  std::string place;               // "headwise", "Hugging Face", "Ollama", "LM Studio", "llama.cpp"
  std::filesystem::path path;
};

// In the order of ModelPlaces, by name within each.
std::vector<FoundModel> find_models(const ModelPlaces& places);
std::vector<FoundModel> models_of_headwise(const std::filesystem::path& folder);

// Those of `models` that `name` may mean: by an exact name or, where none has it, by a loose one; a file that
// was found twice counts once.
std::vector<FoundModel> models_named(const std::vector<FoundModel>& models, std::string_view name);

}  // namespace headwise
