// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "passages/open_store.h"

namespace headwise {

Result<std::shared_ptr<PassageTier>> open_store(const KeepOptions& options, const KeptContext&,
                                                SegmentReader) {
  return fail(ErrorCode::kUnsupported, "'" + options.store + "': passages are kept in memory only so far");
}

}  // namespace headwise
