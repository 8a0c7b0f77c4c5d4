// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the page of `heads calibrate`: how far relevance is to be trusted at several numbers of
// candidates, and what it is made of.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "heads/reliability.h"

namespace headwise {

struct RelevanceCurve {
  std::string candidates;  // "1", "4 to 6"
  Reliability reliability;
  // Share of the passages whose relevance is near what they have alone; nothing where that is not known.
  std::optional<double> as_alone;
};

// Of questions that the fit has not seen: those left out in turn, or of another collection.
struct RelevanceSection {
  std::string name;
  std::vector<RelevanceCurve> curves;
};

struct RelevanceReport {
  std::string heads;              // the head set, in words
  std::vector<std::string> data;  // what was fitted to
  std::vector<RelevanceSection> sections;
  std::vector<std::pair<std::string, double>> weights;  // the bias first
};

// One page that needs nothing else.
std::string relevance_html(const RelevanceReport& report);
// One reliability curve; also tested by itself.
std::string reliability_svg(const RelevanceCurve& curve);

}  // namespace headwise
