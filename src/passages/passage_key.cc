// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "passages/passage_key.h"

namespace headwise {

PassageKey passage_key(std::string_view context, std::span<const int32_t> tokens) {
  return checksum(std::as_bytes(std::span(context)), std::as_bytes(tokens));
}

}  // namespace headwise
