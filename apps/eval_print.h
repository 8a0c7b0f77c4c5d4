// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What `eval` shows: a table for people, or JSON.
#pragma once

#include <string>

#include "common/output.h"
#include "eval/comparison.h"
#include "eval/middle_zone.h"

namespace headwise {

struct EvalPrintOptions {
  bool per_query = false;
};

std::string eval_text(const ComparisonTable& table, std::span<const MiddleZone> zones,
                      const EvalPrintOptions& options);
Json eval_json(const ComparisonTable& table, std::span<const MiddleZone> zones,
               const EvalPrintOptions& options);

}  // namespace headwise
