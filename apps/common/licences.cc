// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "common/licences.h"

#include <algorithm>

namespace headwise {

std::string version_text() {
  size_t width = 0;
  for (const Licence& row : licences()) width = std::max(width, row.library.size());
  std::string text = std::string("headwise ") + HEADWISE_VERSION + "\nLicence: Apache-2.0. Inside or linked:";
  for (const Licence& row : licences()) {
    text += "\n  ";
    text += row.library;
    text.append(width + 2 - row.library.size(), ' ');
    text += row.licence;
  }
  return text;
}

}  // namespace headwise
