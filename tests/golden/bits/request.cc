// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "golden/bits/request.h"

#include <algorithm>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "support/paths.h"

namespace headwise::golden {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

fs::path tests_folder() { return test_data().parent_path(); }

// "tests:data/adapters/lora" is a path below tests/; other words stand for themselves.
std::string expanded(const std::string& word) {
  constexpr std::string_view kTests = "tests:";
  return word.starts_with(kTests) ? (tests_folder() / word.substr(kTests.size())).string() : word;
}

EngineSettings settings_of(const json& members) {
  EngineSettings settings;
  settings.precision = Precision::kFloat32;  // of the others, model_golden_test says how far they are from it
  for (const auto& [key, value] : members.items()) {
    std::string name = key;
    std::replace(name.begin(), name.end(), '_', '-');
    const std::string text = value.is_string() ? expanded(value.get<std::string>()) : value.dump();
    const Status set = set_option(settings, name, text);
    if (!set) throw std::runtime_error("requests.json: " + set.error().to_string());
  }
  return settings;
}

std::map<std::string, Passage> passages_of(const json& table) {
  std::map<std::string, Passage> passages;
  for (const json& item : table.at("passages")) {
    Passage passage;
    passage.id = item.at("id").get<std::string>();
    passage.title = item.value("title", "");
    passage.text = item.at("text").get<std::string>();
    passage.first_stage_score = item.at("first_stage").get<double>();
    passages[passage.id] = passage;
  }
  return passages;
}

RequestKind kind_of(const std::string& word) {
  if (word == "rank") return RequestKind::kRank;
  if (word == "explain") return RequestKind::kExplain;
  if (word == "embed") return RequestKind::kEmbed;
  throw std::runtime_error("requests.json: kind is '" + word + "', expected rank, explain or embed");
}

}  // namespace

fs::path bits_folder() { return tests_folder() / "golden" / "bits"; }

std::vector<BitsRequest> read_requests() {
  const json table = json::parse(std::ifstream(bits_folder() / "requests.json"));
  const std::map<std::string, Passage> passages = passages_of(table);
  std::vector<BitsRequest> requests;
  for (const json& item : table.at("requests")) {
    BitsRequest request;
    request.name = item.at("name").get<std::string>();
    request.kind = kind_of(item.value("kind", "rank"));
    request.settings = settings_of(item.at("settings"));
    request.query = table.at("queries").at(item.at("query").get<std::string>()).get<std::string>();
    for (const json& id : item.value("passages", json::array())) {
      request.passages.push_back(passages.at(id.get<std::string>()));
    }
    request.layer = item.value("layer", -1);
    request.weights = item.value("weights", std::vector<std::string>{"stored", "fp32"});
    request.threads = item.value("threads", std::vector<int>{1, 2, 3});
    request.sets = item.value("sets", std::vector<std::string>{"scalar", "avx2", "avx512"});
    requests.push_back(std::move(request));
  }
  return requests;
}

}  // namespace headwise::golden
