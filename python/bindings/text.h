// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: Python strings as the UTF-8 that the library reads. A lone surrogate has no UTF-8 and is
// refused by name; a NUL is a character like any other.
#pragma once

#include <nanobind/nanobind.h>

#include <string>
#include <vector>

#include "headwise/passage.h"

namespace headwise::python {

namespace nb = nanobind;

// Failure (invalid input) when it is no str, and for a lone surrogate. `what` names it: "query".
std::string text_of(nb::handle value, const std::string& what);
// The same, but bytes are taken as they are: file names need not be UTF-8.
std::string path_or_text_of(nb::handle value, const std::string& what);

// Lists of equal length; titles and scores may be None, as may each score.
std::vector<Passage> passages_of(nb::list texts, nb::object titles, nb::object scores);

}  // namespace headwise::python
