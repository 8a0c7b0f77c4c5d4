// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "support/paths.h"

namespace headwise {

std::filesystem::path test_data() { return HEADWISE_TEST_DATA; }
std::filesystem::path shared_data() { return HEADWISE_SHARED; }

}  // namespace headwise
