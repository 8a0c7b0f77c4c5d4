// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Any bytes as the image of a kept segment: an error, or a segment all of which can be read and made anew.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "base/aligned_buffer.h"
#include "decoder/cpu/cpu_kept_segment.h"

namespace {

// What a pass does with a block that it is given.
size_t use(const headwise::CpuKeptSegment& kept) {
  size_t numbers = 0;
  const auto heads = static_cast<int>(std::min<int64_t>(kept.layout().shape().kv_heads, 3));
  for (int layer = 0; layer < kept.layers(); ++layer) {
    for (int head = 0; head < heads; ++head) {
      numbers += kept.keys(layer, head).size() + kept.values(layer, head).size();
    }
    for (const int32_t token : kept.layer(layer).kept) {
      if (token < 0 || token >= kept.tokens()) std::abort();
    }
  }
  return numbers;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto bytes = std::make_shared<headwise::AlignedBuffer<std::byte>>(size + 1);
  if (size > 0) std::memcpy(bytes->data(), data, size);
  const auto kept = headwise::read_kept_segment({bytes->data(), size}, headwise::held(bytes));
  if (!kept) return 0;
  if ((*kept)->image().size() != size) std::abort();
  if (use(dynamic_cast<const headwise::CpuKeptSegment&>(**kept)) > size) std::abort();
  return 0;
}
