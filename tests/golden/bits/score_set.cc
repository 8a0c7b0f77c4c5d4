// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "golden/bits/score_set.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>

namespace headwise::golden {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kMostKept = 16;

std::string hex(double value) {
  char text[40];
  std::snprintf(text, sizeof text, "%a", value);
  return text;
}

std::string scientific(double value) {
  char text[40];
  std::snprintf(text, sizeof text, "%.1e", value);
  return text;
}

KeptNumbers kept(const std::vector<double>& numbers) {
  KeptNumbers result{numbers.size(), hash_of(numbers.data(), numbers.size() * sizeof(double)), {}};
  const size_t some = std::min(numbers.size(), kMostKept);
  for (size_t i = 0; i < some; ++i) result.some.push_back(numbers[i * numbers.size() / some]);
  return result;
}

KeptNumbers numbers_of(const Json& entry) {
  KeptNumbers numbers{entry.at("count").get<size_t>(), entry.at("hash").get<std::string>(), {}};
  for (const Json& text : entry.at("some")) {
    numbers.some.push_back(std::strtod(text.get<std::string>().c_str(), nullptr));
  }
  return numbers;
}

Json json_of(const KeptNumbers& numbers) {
  Json entry{{"count", numbers.count}, {"hash", numbers.hash}, {"some", Json::array()}};
  for (const double value : numbers.some) entry["some"].push_back(hex(value));
  return entry;
}

std::string difference(const KeptNumbers& expected, const KeptNumbers& found, double tolerance) {
  if (expected.count != found.count) {
    return "expected " + std::to_string(expected.count) + " numbers, found " + std::to_string(found.count);
  }
  double largest = 0.0;
  for (const double value : expected.some) largest = std::max(largest, std::abs(value));
  for (size_t i = 0; i < expected.some.size(); ++i) {
    const double apart = std::abs(expected.some[i] - found.some[i]);
    if (apart <= tolerance * largest) continue;  // not so for NaN
    return "expected " + hex(expected.some[i]) + ", found " + hex(found.some[i]) + ", " +
           scientific(apart / largest) + " of the largest apart";
  }
  const bool same = expected.hash == found.hash;
  return tolerance > 0.0 || same ? "" : "other bits than before in numbers that the set keeps as a hash";
}

}  // namespace

KeptOutcome kept(const Outcome& outcome) {
  KeptOutcome result{outcome.tokens, {}};
  for (const auto& [name, numbers] : outcome.numbers) result.numbers[name] = kept(numbers);
  return result;
}

ScoreSet read_score_set(const std::filesystem::path& file) {
  std::ifstream stream(file);
  if (!stream) {
    throw std::runtime_error("no set of scores at " + file.string() +
                             "; tests/golden/README.md says how one is made");
  }
  const Json json = Json::parse(stream);
  ScoreSet set{json.at("machine").get<Facts>(), json.at("arithmetic").get<Facts>(), {}};
  for (const auto& [name, item] : json.at("requests").items()) {
    KeptOutcome outcome{item.at("tokens").get<int64_t>(), {}};
    for (const auto& [kind, numbers] : item.at("numbers").items())
      outcome.numbers[kind] = numbers_of(numbers);
    set.outcomes[name] = std::move(outcome);
  }
  return set;
}

void write_score_set(const ScoreSet& set, const std::filesystem::path& file) {
  std::ofstream stream(file);
  stream << "{\n \"machine\": " << Json(set.machine).dump()
         << ",\n \"arithmetic\": " << Json(set.arithmetic).dump() << ",\n \"requests\": {";
  const char* between = "\n";
  for (const auto& [name, outcome] : set.outcomes) {  // one on each line
    Json item{{"tokens", outcome.tokens}, {"numbers", Json::object()}};
    for (const auto& [kind, numbers] : outcome.numbers) item["numbers"][kind] = json_of(numbers);
    stream << std::exchange(between, ",\n") << "  " << Json(name).dump() << ": " << item.dump();
  }
  stream << "\n }\n}\n";
  if (!stream.flush()) throw std::runtime_error("cannot write " + file.string());
}

std::vector<std::string> differences(const KeptOutcome& expected, const KeptOutcome& found,
                                     double tolerance) {
  std::vector<std::string> lines;
  if (expected.tokens != found.tokens) {
    lines.push_back("tokens: expected " + std::to_string(expected.tokens) + ", found " +
                    std::to_string(found.tokens));
  }
  for (const auto& [name, numbers] : expected.numbers) {
    const auto other = found.numbers.find(name);
    const std::string line =
        other == found.numbers.end() ? "missing" : difference(numbers, other->second, tolerance);
    if (!line.empty()) lines.push_back(name + ": " + line);
  }
  for (const auto& [name, numbers] : found.numbers) {
    if (!expected.numbers.contains(name)) lines.push_back(name + ": not in the set");
  }
  return lines;
}

}  // namespace headwise::golden
