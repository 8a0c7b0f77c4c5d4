// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: rows made int8, the part that all vector tables share: blocks and spans, their scales,
// and which rows are no numbers. Included behind a table's Mac, which has turn(x, out), a block of kInt8Turn,
// largest(x, count), the largest magnitude (NaN where a value is none), and quantize(x, count, padded,
// factor, to).
#include <algorithm>
#include <cmath>

#include "kernels/reduced.h"

namespace headwise::kernels {
namespace {

bool prepare_int8(const PrepareRowsArgs& args) {
  const int64_t padded = (args.inputs + Mac::kGroup - 1) / Mac::kGroup * Mac::kGroup;
  const int64_t turned = args.inputs / kInt8Turn * kInt8Turn;
  auto* to = reinterpret_cast<Mac::Number*>(args.numbers);
  float* scale = args.scales;
  bool finite = true;
  for (int64_t row = 0; row < args.rows; ++row, to += padded) {
    const float* x = args.x + row * args.inputs;
    for (int64_t i = 0; i < turned; i += kInt8Turn) Mac::turn(x + i, args.turned + i);
    std::copy(x + turned, x + args.inputs, args.turned + turned);
    for (int64_t i = 0; i < args.inputs; i += kInt8Span) {
      const int64_t count = std::min(kInt8Span, args.inputs - i);
      const float most = Mac::largest(args.turned + i, count);
      finite = finite && std::isfinite(most);
      const bool zero = !(most >= kInt8Least);
      *scale++ = zero ? 0.0f : most / static_cast<float>(kInt8Most);
      const float factor = zero ? 0.0f : static_cast<float>(kInt8Most) / most;
      Mac::quantize(args.turned + i, count, std::min(kInt8Span, padded - i), factor, to + i);
    }
  }
  return finite;
}

}  // namespace
}  // namespace headwise::kernels
