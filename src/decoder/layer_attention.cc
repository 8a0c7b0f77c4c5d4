// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "decoder/layer_attention.h"

#include <algorithm>

namespace headwise {

SpanKeys LayerAttention::keys_of(const TokenSpan& span) const {
  const LayerKeys& keys = segments[static_cast<size_t>(span.segment)];
  if (keys.count == 0) return {keys.first, 0, {}, span.first};
  if (keys.tokens.empty()) return {keys.first + span.first, span.tokens, {}, span.first};
  const auto begin = std::lower_bound(keys.tokens.begin(), keys.tokens.end(), span.first);
  const auto end = std::lower_bound(begin, keys.tokens.end(), span.first + span.tokens);
  return {keys.first + (begin - keys.tokens.begin()), end - begin, {begin, end}, span.first};
}

}  // namespace headwise
