// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: requests whose texts carry the prompt of Qwen3-Reranker, as its users send them to vLLM
// (vllm/examples, "qwen3_reranker"): "<Instruct>: I\n<Query>: Q", perhaps with the chat's opening before it,
// and "<Document>: D", perhaps with the chat's end behind it. Our templates have a prompt of their own.
#pragma once

#include "serve/rerank_request.h"

namespace headwise::serve {

// Queries with the instruction apart, and their passages without the marks. Others stay as they are.
void take_instructions_out(RerankRequest& request);

}  // namespace headwise::serve
