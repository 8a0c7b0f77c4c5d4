// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "passages/kept_context.h"

#include <nlohmann/json.hpp>
#include <string_view>

#include "passages/checksum.h"

namespace headwise {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kTemplate = "template";  // the one member that does not decide
constexpr const char* kPrefix = "prefix";

std::string_view word_of(KeptType type) {
  switch (type) {
    case KeptType::kFloat32:
      return "fp32";
    case KeptType::kBfloat16:
      return "bf16";
    case KeptType::kInt8:
      break;
  }
  return "int8";
}

std::string_view word_of(BudgetTokens tokens) {
  switch (tokens) {
    case BudgetTokens::kEvery:
      return "every";
    case BudgetTokens::kReceived:
      return "received";
    case BudgetTokens::kNorm:
      break;
  }
  return "norm";
}

// A member as a message shows it; a prefix by its length.
std::string shown(const Json& object, const std::string& name) {
  const auto member = object.find(name);
  if (member == object.end()) return "none";
  if (name == kPrefix && member->is_array()) return std::to_string(member->size()) + " tokens";
  if (member->is_string()) return "'" + member->get<std::string>() + "'";
  return member->dump(-1, ' ', true, Json::error_handler_t::replace);
}

void add_difference(std::string& to, const Json& store, const Json& engine, const std::string& name) {
  if (!to.empty()) to += "; ";
  to += name + ": the store has " + shown(store, name) + ", this engine " + shown(engine, name);
}

bool same(const Json& store, const Json& engine, const std::string& name) {
  const auto one = store.find(name);
  const auto other = engine.find(name);
  if (one == store.end() || other == engine.end()) return one == store.end() && other == engine.end();
  return *one == *other;
}

}  // namespace

nlohmann::ordered_json KeptContext::describe() const {
  Json json = {{"format", kKeptFormat},
               {"model", model},
               {kTemplate, wording},
               {kPrefix, prefix},
               {"layer", deepest_layer},
               {"backend", decoder.backend},
               {"precision", decoder.precision},
               {"arithmetic", decoder.arithmetic}};
  if (form.type == KeptType::kFloat32) json["instruction_set"] = decoder.instruction_set;
  json["type"] = word_of(form.type);
  if (!form.shares.empty()) {
    json["shares"] = form.shares;
    json["tokens"] = word_of(form.tokens);
  }
  return json;
}

std::string KeptContext::digest() const { return context_digest(describe()); }

std::string context_digest(const nlohmann::ordered_json& description) {
  Json decides = description;
  if (decides.is_object()) decides.erase(kTemplate);
  const std::string text = decides.dump(-1, ' ', true, Json::error_handler_t::replace);
  return checksum(std::as_bytes(std::span(text))).hex();
}

std::string difference(const nlohmann::ordered_json& manifest, const KeptContext& context) {
  if (!manifest.is_object()) return "the store's manifest is no JSON object";
  const Json engine = context.describe();
  std::string words;
  for (const auto& [name, value] : engine.items()) {
    if (name == kTemplate || same(manifest, engine, name)) continue;
    // Another template shows in the tokens in front of a passage; its name says more than they do.
    const bool named = name == kPrefix && !same(manifest, engine, kTemplate);
    add_difference(words, manifest, engine, named ? kTemplate : name);
  }
  for (const auto& [name, value] : manifest.items()) {
    if (!engine.contains(name)) add_difference(words, manifest, engine, name);
  }
  return words;
}

}  // namespace headwise
