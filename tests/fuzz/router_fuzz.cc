// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Any bytes as a router's file: an error, or a router that gives every pool head a probability.
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "headwise/router.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto router = headwise::parse_router({reinterpret_cast<const std::byte*>(data), size});
  if (!router) return 0;
  const std::vector<float> embedding(static_cast<size_t>(router->weights.inputs), 0.5f);
  const std::vector<double> p = router->probabilities(embedding);
  if (p.size() != router->pool.size()) std::abort();
  if (router->choose(p).empty()) std::abort();
  return 0;
}
