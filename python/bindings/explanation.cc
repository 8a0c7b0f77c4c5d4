// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// An Explanation as plain lists and dicts; headwise._explanation makes objects of them.
#include "headwise/explanation.h"

#include <nanobind/ndarray.h>

#include "bindings/py_engine.h"

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

}  // namespace

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
