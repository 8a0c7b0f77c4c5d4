// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The one thing that the table asks for and no public header gives: a query as a router sees it.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "headwise/model.h"

namespace headwise::golden {

// Layer -1: the one that routers use.
Result<std::vector<float>> query_vector(const std::shared_ptr<const Model>& model, int layer, int threads,
                                        std::string_view query);

}  // namespace headwise::golden
