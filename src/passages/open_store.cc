// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "passages/open_store.h"

#include "base/check.h"
#include "passages/passage_store.h"
#include "passages/server_tier.h"

namespace headwise {

Result<std::shared_ptr<PassageTier>> open_store(const KeepOptions& options, const KeptContext& context,
                                                SegmentReader reader) {
  if (is_server_address(options.store)) {
    const auto address = parse_server_address(options.store);
    HW_RETURN_IF_ERROR(address);
    return std::make_shared<ServerTier>(*address, context, reader);
  }
  if (const size_t scheme = options.store.find("://"); scheme != std::string::npos) {
    return fail(ErrorCode::kUsage, "passages are kept in a folder or behind redis://host:port; not in '" +
                                       options.store.substr(0, scheme + 3) + "…'");
  }
  auto store = PassageStore::open(options.store, context, {.bytes = options.store_bytes, .reader = reader});
  HW_RETURN_IF_ERROR(store);
  return std::move(*store);
}

}  // namespace headwise
