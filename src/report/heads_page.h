// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the HTML page of what `heads show` says.
#pragma once

#include <cstddef>
#include <string>

#include "heads/head_report.h"

namespace headwise {

// One page that needs nothing else.
std::string head_report_html(const HeadReport& report);

// Its pictures, also tested by themselves. Layers run from left to right in both, at the same places.
std::string head_map_svg(const HeadReport& report);  // report.map must be there
std::string layer_curve_svg(const HeadMap& map);

// Sets that are told apart by the colour of their outline; with more, all have one.
inline constexpr size_t kMostOutlines = 4;

}  // namespace headwise
