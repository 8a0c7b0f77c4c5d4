// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// That web/openapi.json describes the options that a client may set as the table of options has them: same
// fields, same words, in each request that takes them all.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "engine/options.h"
#include "support/paths.h"

namespace headwise::serve {
namespace {

using Schema = nlohmann::json;

Schema nullable_words(const std::vector<std::string>& words) {
  Schema list = words;
  list.push_back(nullptr);
  return {{"enum", list}};
}

Schema schema_of(const Option& option) {
  Schema schema;
  switch (option.value.kind) {
    case OptionKind::kFlag:
      schema["$ref"] = "#/components/schemas/Flag";
      break;
    case OptionKind::kInteger:
      schema["$ref"] = "#/components/schemas/WholeNumber";
      break;
    case OptionKind::kWord:
      schema = nullable_words(option.value.words());
      break;
    case OptionKind::kNumberOrWord:
      schema["anyOf"] = {{{"type", "number"}, {"minimum", 0}}, nullable_words(option.value.words())};
      break;
    case OptionKind::kText:
    case OptionKind::kPath:
    case OptionKind::kNumber:
    case OptionKind::kSize:
      schema["type"] = {"string", "null"};
  }
  if (option.client->about != nullptr) schema["description"] = option.client->about;
  return schema;
}

TEST(OpenApi, HasTheFieldsOfTheTableOfOptions) {
  std::ifstream file(test_data() / "../../web/openapi.json");
  const Schema schemas = Schema::parse(file).at("components").at("schemas");
  Schema wanted;
  for (const Option& option : options()) {
    if (option.client) wanted[client_field(option)] = schema_of(option);
  }
  // What is of the request and not of the engine.
  const std::set<std::string> own{"model", "score_scale", "min_score",        "instruction", "score",
                                  "query", "queries",     "documents",        "rank_fields", "depth",
                                  "top_n", "top_k",       "return_documents", "timings",     "explain"};
  for (const Schema& request : {schemas.at("SearchRequest"), schemas.at("OwnRequest").at("anyOf").at(0),
                                schemas.at("OwnRequest").at("anyOf").at(1)}) {
    Schema fields = request.at("properties");
    for (const std::string& name : own) fields.erase(name);
    EXPECT_EQ(fields, wanted) << Schema::diff(fields, wanted).dump(1);
  }
}

}  // namespace
}  // namespace headwise::serve
