// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "serve/token_estimate.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>

#include "engine/options.h"
#include "rerank/passage_text.h"

namespace headwise::serve {
namespace {

struct TextSize {
  double tokens = 0.0;
  double words = 0.0;
};

// English has four bytes a token; what is not ASCII has two (SmolLM2's vocabulary: Russian 2.4, Chinese 1.8,
// Thai 1.6).
TextSize text_size(std::string_view text) {
  int64_t plain = 0, others = 0, words = 0;
  bool inside = false;
  for (const char letter : text) {
    const auto byte = static_cast<unsigned char>(letter);
    const bool space = byte < 0x80 && is_space(byte);
    words += !space && !inside ? 1 : 0;
    inside = !space;
    ++(byte < 0x80 ? plain : others);
  }
  return {static_cast<double>(plain) / 4.0 + static_cast<double>(others) / 2.0, static_cast<double>(words)};
}

struct ReadingLimits {
  double words;
  double tokens;
  double windows;  // 1 where what is longer is cut
};

ReadingLimits limits_of(const RerankRequest& request, const EngineSettings& server, int64_t context) {
  EngineSettings asked = server;
  for (const char* name : {"max-words", "max-tokens", "long", "max-windows"}) {
    const auto own = request.settings.find(name);
    // What is wrong with a value the engine says, to this client.
    if (own != request.settings.end()) static_cast<void>(set_option(asked, name, own->second));
  }
  if (!asked.long_passages) asked.long_passages = asked.usual_long_passages;
  asked = with_defaults(asked);
  const auto most = [](int limit, double otherwise) {
    return limit > 0 ? static_cast<double>(limit) : otherwise;
  };
  return {most(*asked.max_words, std::numeric_limits<double>::infinity()),
          most(*asked.max_tokens, std::max(static_cast<double>(context) * 7.0 / 8.0, 1.0)),
          *asked.long_passages == LongPassages::kChunk ? std::max(*asked.max_windows, 1) : 1.0};
}

// Windows overlap by about an eighth; the title stands before each, cut to half of one.
double tokens_read(const Passage& passage, const ReadingLimits& limits) {
  const TextSize title = text_size(passage.title), text = text_size(passage.text);
  const double title_tokens = std::min(title.tokens, limits.tokens / 2.0);
  const double room = limits.tokens - title_tokens;
  const double word_room = std::max(limits.words - title.words, limits.words / 2.0);
  const double lengths = std::max(text.tokens / room, text.words / word_room);
  if (lengths <= 1.0) return title_tokens + text.tokens;
  constexpr double kStep = 7.0 / 8.0;
  const double windows = std::min(1.0 + std::ceil((lengths - 1.0) / kStep), limits.windows);
  return windows * (title_tokens + text.tokens / lengths);
}

}  // namespace

int64_t estimated_tokens(const RerankRequest& request, const EngineSettings& server, int64_t context) {
  const ReadingLimits limits = limits_of(request, server, context);
  constexpr double kFraming = 4.0;  // beside a passage's own tokens, and of each part of the prompt
  double tokens = 0.0;
  for (const RerankQuery& query : request.queries) {
    // The content-free query beside it.
    tokens += 2.0 * text_size(query.text).tokens + 8.0 * kFraming;
    for (const Passage& passage : query.passages) tokens += tokens_read(passage, limits) + kFraming;
  }
  return static_cast<int64_t>(tokens);
}

}  // namespace headwise::serve
