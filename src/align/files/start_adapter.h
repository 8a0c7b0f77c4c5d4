// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: training that goes on from an adapter instead of from nothing. Its factors become the
// first values of the trained ones; where more rank is trained than it has, the rest starts as ever.
#pragma once

#include "align/graph/training_model.h"
#include "headwise/error.h"
#include "model/adapter.h"

namespace headwise {

// What the adapter changes below the first trained layer stays as it is (TrainingModel::keep_change()).
// kUsage where it changes what is not trained from that layer on, or has a higher rank than is trained:
// nothing of it may be lost.
Status start_from(const Adapter& adapter, TrainingModel& model);

}  // namespace headwise
