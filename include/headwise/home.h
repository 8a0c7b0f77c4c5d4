// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: where headwise keeps what it downloads and builds: models in its folder models/, indexes
// in indexes/.
//
// Thread rule: reads the environment, as std::getenv.
#pragma once

#include <filesystem>

namespace headwise {

// $HEADWISE_HOME, or ~/.cache/headwise.
std::filesystem::path headwise_home();

}  // namespace headwise
