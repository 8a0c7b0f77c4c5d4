// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the heads that a training trains: those that flags name, those that ship, or those that
// --select finds first.
#pragma once

#include "align/align_flags.h"
#include "align/graph/scorer.h"
#include "headwise/error.h"
#include "headwise/model.h"

namespace headwise {

// The heads to train, and how they are read.
Result<ScorerOptions> scorer_options(const AlignFlags& flags, const Model& model, bool quiet);

}  // namespace headwise
