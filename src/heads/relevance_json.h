// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the fit of relevance as a member of a head set (docs/formats.md#head-sets).
#pragma once

#include <nlohmann/json.hpp>
#include <optional>

#include "headwise/error.h"
#include "headwise/relevance.h"

namespace headwise {

// "relevance" of the set; nothing where it is not there. kInvalidInput: a feature that this version does not
// know, and what check_relevance_fit() says.
Result<std::optional<RelevanceFit>> parse_relevance(const nlohmann::json& set);
nlohmann::ordered_json relevance_json(const RelevanceFit& fit);

}  // namespace headwise
