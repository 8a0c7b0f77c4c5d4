// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: how `heads show` looks in a terminal, in a pipe, and as JSON.
#pragma once

#include <span>
#include <string>

#include "common/output.h"
#include "heads/head_report.h"
#include "headwise/head_catalogue.h"

namespace headwise {

struct ShowLook {
  bool grid = false;    // a drawn map of heads beside the layers: for a terminal
  bool colour = false;  // the map in colours, else in shades of characters
  int columns = 100;
};

std::string heads_text(const HeadReport& report, const ShowLook& look);
Json heads_json(const HeadReport& report);

std::string catalogue_text(std::span<const CatalogueEntry> entries, int columns);
Json catalogue_json(std::span<const CatalogueEntry> entries);

}  // namespace headwise
