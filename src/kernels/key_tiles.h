// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: tiles of keys and values that are kept in a narrow type, made fp32 for the products of
// attention, once for all rows of a call: the same bits whichever instruction set asks. Thread rule: pure
// functions.
#pragma once

#include "kernels/kernels.h"

namespace headwise::kernels {

// Of a block of any type: the tile of keys that begins with key `first` as fp32 [D][tile_width].
void decode_key_tile(const KeyBlock& block, int64_t first, int64_t head_width, float* out);
// The values of the same keys as fp32 [tile_width][padded_width(D)].
void decode_value_tile(const KeyBlock& block, int64_t first, int64_t head_width, float* out);

}  // namespace headwise::kernels
