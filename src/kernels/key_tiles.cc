// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "kernels/key_tiles.h"

#include "kernels/key_tiles-inl.h"
#include "kernels/tables.h"

namespace headwise::kernels {

void decode_keys_plain(const KeyBlock& block, int64_t first, int64_t head_width, float* out) {
  decode_keys(block, first, head_width, out);
}
void decode_values_plain(const KeyBlock& block, int64_t first, int64_t head_width, float* out) {
  decode_values(block, first, head_width, out);
}

void decode_key_tile(const KeyBlock& block, int64_t first, int64_t head_width, float* out) {
  kernels_or_definition().decode_keys(block, first, head_width, out);
}
void decode_value_tile(const KeyBlock& block, int64_t first, int64_t head_width, float* out) {
  kernels_or_definition().decode_values(block, first, head_width, out);
}

}  // namespace headwise::kernels
