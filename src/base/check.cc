// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace headwise {

// A broken invariant is a bug of ours; going on could produce a wrong ranking, so this is the one place that
// aborts.
void check_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "headwise: internal check failed: %s at %s:%d\n", condition, file, line);
  std::abort();
}

}  // namespace headwise
