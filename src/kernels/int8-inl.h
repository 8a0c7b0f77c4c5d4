// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: rows made int8, the part that all vector tables share: a row's scale, and which rows are
// no numbers. Included behind a table's Mac, which has largest(x, count), the largest magnitude (NaN where a
// value is none), and quantize(x, inputs, padded, factor, to).
#include <cmath>

#include "kernels/reduced.h"

namespace headwise::kernels {
namespace {

bool prepare_int8(const PrepareRowsArgs& args) {
  const int64_t padded = (args.inputs + Mac::kGroup - 1) / Mac::kGroup * Mac::kGroup;
  bool finite = true;
  for (int64_t row = 0; row < args.rows; ++row) {
    const float* x = args.x + row * args.inputs;
    const float most = Mac::largest(x, args.inputs);
    finite = finite && std::isfinite(most);
    const bool zero = !(most >= kInt8Least);
    args.scales[row] = zero ? 0.0f : most / static_cast<float>(kInt8Most);
    const float factor = zero ? 0.0f : static_cast<float>(kInt8Most) / most;
    Mac::quantize(x, args.inputs, padded, factor,
                  reinterpret_cast<Mac::Number*>(args.numbers) + row * padded);
  }
  return finite;
}

}  // namespace
}  // namespace headwise::kernels
