// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the forms in which `explain` prints an explanation: text in the terminal, and JSON. The
// page is report/explanation_page.h's.
#pragma once

#include <string>

#include "common/output.h"
#include "report/explanation_page.h"

namespace headwise {

std::string explain_text(const ExplainedAnswer& answer, int columns, bool colours);
std::string explain_json(const ExplainedAnswer& answer);

}  // namespace headwise
