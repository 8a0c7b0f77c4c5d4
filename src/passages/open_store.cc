// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "passages/open_store.h"

#include "base/check.h"
#include "passages/passage_store.h"

namespace headwise {

Result<std::shared_ptr<PassageTier>> open_store(const KeepOptions& options, const KeptContext& context,
                                                SegmentReader reader) {
  auto store = PassageStore::open(options.store, context, {.bytes = options.store_bytes, .reader = reader});
  HW_RETURN_IF_ERROR(store);
  return std::move(*store);
}

}  // namespace headwise
