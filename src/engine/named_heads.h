// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the head set that a --heads flag names: a file first, then a name of the catalogue
// (headwise/head_catalogue.h).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "headwise/error.h"
#include "headwise/head_set.h"
#include "headwise/model.h"

namespace headwise {

// Nothing when `given` is neither a file nor a name: HeadSelection::parse may know it. kNotFound for what
// looks like a file's name or a catalogue's name and is none, with names that are near.
Result<std::optional<HeadSet>> named_head_set(const std::string& given);

// "default", "all", and the names of the catalogue's sets that are for this model.
std::vector<std::string> head_names_for(const Model& model);
// For those who may not open files, as clients of a server: "default", a name of the catalogue or a selection
// (a layer window, a list), and no file's name.
bool is_heads_without_file(const std::string& given);

}  // namespace headwise
