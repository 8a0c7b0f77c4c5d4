// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Any bytes as a record of a kept passage, as an index, and as a server's address: an error, or what lies
// within the bytes.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "base/aligned_buffer.h"
#include "passages/index_check.h"
#include "passages/record.h"
#include "passages/server_address.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  headwise::AlignedBuffer<std::byte> buffer(size + 1);
  if (size > 0) std::memcpy(buffer.data(), data, size);
  const std::span<const std::byte> bytes(buffer.data(), size);
  if (const auto record = headwise::read_record(bytes)) {
    const auto* end = bytes.data() + size;
    if (reinterpret_cast<const std::byte*>(record->tokens.data() + record->tokens.size()) > end) std::abort();
    if (record->image.data() + record->image.size() > end || record->bytes > size) std::abort();
    static_cast<void>(headwise::whole_record(*record));
  }
  static_cast<void>(headwise::check_index(bytes));
  const auto address = headwise::parse_server_address({reinterpret_cast<const char*>(data), size});
  if (address && (address->host.empty() || address->port < 1 || address->port > 65535)) std::abort();
  return 0;
}
