// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The evaluation report: one HTML page that needs nothing else: no script, no address outside, styles and
// pictures inside. Light or dark as the reader's system is set.
#pragma once

#include <span>
#include <string>

#include "eval/comparison.h"
#include "eval/middle_zone.h"
#include "report/html.h"

namespace headwise {

// Query texts are shown where `queries` has them; a section on the middle zone where there are figures.
std::string report_html(const ComparisonTable& table, const Queries& queries,
                        std::span<const MiddleZone> zones = {});

// The parts, also tested by themselves.

// A section of a page: the figures of several runs, and a picture of the spread of scores and of nDCG@10 by
// place.
std::string middle_zone_html(std::span<const MiddleZone> zones);

// One picture's data: a point a query. `labels` are plain text, escaped by the picture.
struct ScatterPicture {
  std::string x_name;
  std::string y_name;
  std::span<const double> x;
  std::span<const double> y;
  std::span<const std::string> labels;
};
std::string scatter_svg(const ScatterPicture& picture);
// Differences as bars, largest first.
std::string difference_svg(std::span<const double> differences, std::span<const std::string> labels);
// How many queries have which value, in twenty steps from 0 to 1.
std::string histogram_svg(std::span<const double> values);

}  // namespace headwise
