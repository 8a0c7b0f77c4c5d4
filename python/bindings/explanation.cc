// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// An Explanation as plain lists and dicts, which may be pickled: headwise._explanation makes objects of them,
// and they become an Explanation again for its page.
#include "headwise/explanation.h"

#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <utility>
#include <vector>

#include "bindings/py_engine.h"
#include "bindings/text.h"
#include "report/explanation_page.h"

namespace headwise::python {
namespace {

// float64 [2, heads, tokens]: weight, attention.
nb::object head_tokens(const ExplainedPassage& passage) {
  const size_t heads = passage.heads.size(), tokens = passage.tokens.size();
  auto* values = new std::vector<double>(2 * heads * tokens);
  for (size_t head = 0; head < heads; ++head) {
    for (size_t token = 0; token < tokens; ++token) {
      (*values)[head * tokens + token] = passage.heads[head][token].weight;
      (*values)[(heads + head) * tokens + token] = passage.heads[head][token].attention;
    }
  }
  nb::capsule owner(values, [](void* memory) noexcept { delete static_cast<std::vector<double>*>(memory); });
  return nb::cast(nb::ndarray<nb::numpy, double, nb::ndim<3>>(values->data(), {2, heads, tokens}, owner));
}

nb::dict to_python(const ExplainedPassage& passage) {
  nb::dict dict;
  dict["index"] = passage.index;
  dict["score"] = passage.score;
  dict["attention_score"] = passage.attention_score;
  dict["fused"] = passage.fused ? nb::object(nb::make_tuple(passage.fused->ours, passage.fused->first_stage))
                                : nb::object(nb::none());
  dict["truncated"] = passage.truncated;
  dict["empty"] = passage.empty;
  dict["window"] = window_of(passage.window);
  dict["text"] = nb::bytes(passage.text.data(), passage.text.size());
  nb::list tokens;
  for (const ExplainedToken& token : passage.tokens) {
    tokens.append(
        nb::make_tuple(token.id, token.begin, token.end, token.weight, token.attention, token.dropped_by));
  }
  dict["tokens"] = std::move(tokens);
  nb::list shares;
  for (const double share : passage.head_shares) shares.append(share);
  dict["head_shares"] = std::move(shares);
  dict["head_tokens"] = passage.heads.empty() ? nb::object(nb::none()) : head_tokens(passage);
  return dict;
}

void read_head_tokens(nb::handle given, ExplainedPassage& passage) {
  if (given.is_none()) return;
  const auto values = nb::cast<nb::ndarray<double, nb::ndim<3>, nb::c_contig, nb::device::cpu>>(given);
  const size_t heads = values.shape(1), tokens = values.shape(2);
  for (size_t head = 0; head < heads; ++head) {
    passage.heads.emplace_back();
    for (size_t token = 0; token < tokens; ++token) {
      const double* weight = values.data() + head * tokens + token;
      passage.heads.back().push_back({weight[0], weight[heads * tokens], false});
    }
  }
}

ExplainedPassage passage_of(nb::handle given) {
  const auto dict = nb::cast<nb::dict>(given);
  ExplainedPassage passage;
  passage.index = nb::cast<int>(dict["index"]);
  passage.score = nb::cast<double>(dict["score"]);
  passage.attention_score = nb::cast<double>(dict["attention_score"]);
  if (!dict["fused"].is_none()) {
    passage.fused = {nb::cast<double>(dict["fused"][0]), nb::cast<double>(dict["fused"][1])};
  }
  passage.truncated = nb::cast<bool>(dict["truncated"]);
  passage.empty = nb::cast<bool>(dict["empty"]);
  if (const nb::object window = dict["window"]; !window.is_none()) {
    passage.window = {.number = nb::cast<int>(window[0]), .count = nb::cast<int>(window[1])};
  }
  passage.text = path_or_text_of(dict["text"], "text");
  for (const nb::handle token : dict["tokens"]) {
    passage.tokens.push_back({.id = nb::cast<int32_t>(token[0]),
                              .begin = nb::cast<size_t>(token[1]),
                              .end = nb::cast<size_t>(token[2]),
                              .weight = nb::cast<double>(token[3]),
                              .attention = nb::cast<double>(token[4]),
                              .dropped_by = nb::cast<int>(token[5])});
  }
  passage.head_shares = nb::cast<std::vector<double>>(dict["head_shares"]);
  read_head_tokens(dict["head_tokens"], passage);
  return passage;
}

// `given`: what explain() gave, cut to the passages that are shown; `ids`: of all passages of the request.
std::string page_of(const nb::dict& given, const std::string& query, const std::vector<std::string>& ids) {
  Explanation explanation;
  for (const nb::handle head : given["heads"]) {
    explanation.heads.push_back({nb::cast<int>(head[0]), nb::cast<int>(head[1])});
  }
  explanation.head_weights = nb::cast<std::vector<double>>(given["head_weights"]);
  for (const nb::handle passage : given["passages"]) explanation.passages.push_back(passage_of(passage));
  const nb::object statistics = given["statistics"];
  explanation.statistics.prompt_tokens = nb::cast<int64_t>(statistics["prompt_tokens"]);
  explanation.statistics.layers_run = nb::cast<int>(statistics["layers_run"]);
  std::vector<Passage> passages;
  for (const std::string& id : ids)
    passages.push_back({.id = id, .title = {}, .text = {}, .first_stage_score = {}});
  const nb::object words = given["words"];
  return explanation_page({.query_id = {},
                           .query = query,
                           .passages = passages,
                           .explanation = &explanation,
                           .heads = nb::cast<std::string>(words["heads"]),
                           .backend = nb::cast<std::string>(words["backend"]),
                           .precision = nb::cast<std::string>(words["precision"]),
                           .calibration = nb::cast<std::string>(words["calibration"]),
                           .encoding = nb::cast<std::string>(words["encoding"]),
                           .fuse = nb::cast<std::string>(words["fuse"]),
                           .per_head = nb::cast<bool>(words["per_head"])});
}

}  // namespace

void bind_explanations(nb::module_& module) {
  module.def(
      "explanation_page", &page_of, nb::arg("explanation"), nb::arg("query"), nb::arg("ids"),
      nb::sig("def explanation_page(explanation: dict[str, typing.Any], query: str, ids: list[str]) -> str"));
}

nb::dict to_python(const Explanation& explanation) {
  nb::dict dict;
  nb::list heads, weights, passages;
  for (const HeadId& head : explanation.heads) heads.append(nb::make_tuple(head.layer, head.head));
  for (const double weight : explanation.head_weights) weights.append(weight);
  for (const ExplainedPassage& passage : explanation.passages) passages.append(to_python(passage));
  dict["heads"] = std::move(heads);
  dict["head_weights"] = std::move(weights);
  dict["passages"] = std::move(passages);
  return dict;
}

}  // namespace headwise::python
