// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the requests of a first-stage run as Python holds them before a job takes them.
#pragma once

#include "jobs/dataset_work.h"

namespace headwise::python {

struct Work {
  DatasetChoice choice;
  DatasetWork work;
  // Once: a job owns its requests.
  DatasetWork take();
};

}  // namespace headwise::python
