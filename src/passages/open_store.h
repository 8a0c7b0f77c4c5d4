// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: KeepOptions::store in words to a tier: a folder, or redis://.
#pragma once

#include <memory>

#include "headwise/error.h"
#include "headwise/keep.h"
#include "passages/kept_context.h"
#include "passages/passage_tier.h"

namespace headwise {

Result<std::shared_ptr<PassageTier>> open_store(const KeepOptions& options, const KeptContext& context,
                                                SegmentReader reader);

}  // namespace headwise
