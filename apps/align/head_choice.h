// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: heads found in the graded data before training, as `heads score` and `heads select`
// would. The stores are kept in OUTPUT/selection, so that a second start does not read the data again.
#pragma once

#include "align/align_flags.h"
#include "headwise/error.h"
#include "headwise/head_set.h"

namespace headwise {

// The set that --select asks for, of the model as --from has it. What `heads score` and `heads select` say;
// kCancelled on a signal.
Result<HeadSet> choose_heads(const AlignFlags& flags, bool quiet);

}  // namespace headwise
