// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "headwise/head_selection.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace headwise {
namespace {

constexpr std::string_view kExamples =
    "write 'all', a layer window such as 'layers:8..11', or a list such as '13-18,14-2'";

std::optional<int> whole_number(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

// "a<separator>b" as two whole numbers.
std::optional<std::pair<int, int>> number_pair(std::string_view text, std::string_view separator) {
  const size_t at = text.find(separator);
  if (at == std::string_view::npos) return std::nullopt;
  const auto first = whole_number(text.substr(0, at));
  const auto second = whole_number(text.substr(at + separator.size()));
  if (!first || !second) return std::nullopt;
  return std::pair{*first, *second};
}

std::string_view trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

}  // namespace

std::string to_string(HeadId id) { return std::to_string(id.layer) + "-" + std::to_string(id.head); }

Result<HeadSelection> HeadSelection::parse(std::string_view text) {
  HeadSelection selection;
  text = trimmed(text);
  if (text == "all") return selection;
  std::string_view window = text;
  if (window.starts_with("layers:")) window.remove_prefix(7);
  if (const auto ends = number_pair(window, "..")) {
    if (ends->first > ends->second) {
      return fail(ErrorCode::kUsage, "layer window '" + std::string(text) + "' ends before it begins");
    }
    selection.kind = Kind::kLayers;
    selection.first_layer = ends->first;
    selection.last_layer = ends->second;
    return selection;
  }
  selection.kind = Kind::kList;
  while (!text.empty()) {
    const size_t comma = std::min(text.find(','), text.size());
    const std::string_view item = trimmed(text.substr(0, comma));
    const auto head = number_pair(item, "-");
    if (!head) {
      return fail(ErrorCode::kUsage, "'" + std::string(item) + "' is not a head; " + std::string(kExamples));
    }
    selection.list.push_back({head->first, head->second});
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  if (selection.list.empty()) return fail(ErrorCode::kUsage, "no heads given; " + std::string(kExamples));
  return selection;
}

Result<std::vector<HeadId>> HeadSelection::resolve(int layers, int heads_per_layer) const {
  const std::string model_has = "the model has layers 0.." + std::to_string(layers - 1) + " with heads 0.." +
                                std::to_string(heads_per_layer - 1) + " each";
  std::vector<HeadId> heads;
  if (kind == Kind::kList) {
    if (list.empty()) return fail(ErrorCode::kUsage, "the list of heads is empty; " + std::string(kExamples));
    if (!weights.empty() && weights.size() != list.size()) {
      return fail(ErrorCode::kUsage, std::to_string(list.size()) + " heads but " +
                                         std::to_string(weights.size()) +
                                         " weights; give one weight per head or none");
    }
    for (HeadId id : list) {
      if (id.layer < 0 || id.layer >= layers || id.head < 0 || id.head >= heads_per_layer) {
        return fail(ErrorCode::kUsage,
                    "head " + headwise::to_string(id) + " is not in this model: " + model_has);
      }
    }
    std::vector<HeadId> sorted = list;
    std::sort(sorted.begin(), sorted.end());
    if (const auto twice = std::adjacent_find(sorted.begin(), sorted.end()); twice != sorted.end()) {
      return fail(ErrorCode::kUsage, "head " + headwise::to_string(*twice) + " is listed twice");
    }
    return list;
  }
  const int first = kind == Kind::kAll ? 0 : first_layer;
  const int last = kind == Kind::kAll ? layers - 1 : last_layer;
  if (first < 0 || last >= layers || first > last) {
    return fail(ErrorCode::kUsage, "layer window " + to_string() + " is not in this model: " + model_has);
  }
  for (int layer = first; layer <= last; ++layer) {
    for (int head = 0; head < heads_per_layer; ++head) heads.push_back({layer, head});
  }
  return heads;
}

std::string HeadSelection::to_string() const {
  switch (kind) {
    case Kind::kAll:
      return "all";
    case Kind::kLayers:
      return "layers:" + std::to_string(first_layer) + ".." + std::to_string(last_layer);
    case Kind::kList:
      break;
  }
  std::string text;
  for (HeadId id : list) text += (text.empty() ? "" : ",") + headwise::to_string(id);
  return text;
}

}  // namespace headwise
