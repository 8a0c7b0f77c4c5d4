// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: how many tokens a request will take, from its bytes and words alone: what the queue is
// bounded by before anything is tokenised. A long passage counts as what is read of it: cut, or so many
// windows (docs/method.md#long-passages). An estimate: within a factor of two of prose, and nothing to
// compute with.
#pragma once

#include <cstdint>

#include "headwise/engine.h"
#include "serve/rerank_request.h"

namespace headwise::serve {

// `server`: the settings that hold where the request has none of its own, `context`: the model's positions.
int64_t estimated_tokens(const RerankRequest& request, const EngineSettings& server, int64_t context);

}  // namespace headwise::serve
