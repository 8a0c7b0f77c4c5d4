// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The hidden states of every token after each layer up to LAYER, as one JSON array [layers][tokens][width]:
// what bench/probes/adapter_in_peft.py compares with transformers and PEFT. The text's tokens alone, no
// template.
//
//   headwise_hidden_states MODEL ADAPTER|none LAYER < text
#include <cstdio>
#include <iostream>
#include <iterator>
#include <string>

#include "decoder/create.h"
#include "headwise/model.h"

int main(int argc, char** argv) {
  using headwise::DecodeRequest;
  using headwise::Model;
  using headwise::ModelOptions;
  using headwise::PromptLayout;
  if (argc != 4) return 2;
  ModelOptions options;
  if (std::string(argv[2]) != "none") options.adapter = argv[2];
  const auto model = Model::load(argv[1], options);
  if (!model) {
    std::fprintf(stderr, "%s\n", model.error().to_string().c_str());
    return 1;
  }
  const int last = std::stoi(argv[3]);
  const std::string text(std::istreambuf_iterator<char>(std::cin), {});
  const auto ids = (*model)->tokenizer().encode(text);
  auto decoder = create_decoder(*model, {});
  if (!ids || !decoder) return 1;
  PromptLayout layout;
  layout.add_segment(*ids, 0, {});
  const auto width = static_cast<size_t>((*model)->config().width);
  DecodeRequest request;
  request.prompt = &layout;
  request.hidden_until = last;
  request.on_hidden = [&](int layer, const float* hidden) {
    if (layer > last) return;
    std::printf("%s[", layer == 0 ? "[" : ",\n");
    for (size_t token = 0; token < ids->size(); ++token) {
      std::printf("%s[", token == 0 ? "" : ",");
      for (size_t c = 0; c < width; ++c) {
        std::printf("%s%.9g", c == 0 ? "" : ",", static_cast<double>(hidden[token * width + c]));
      }
      std::printf("]");
    }
    std::printf("]");
  };
  const auto done = (*decoder)->run(request);
  std::printf("]\n");
  return done ? 0 : 1;
}
