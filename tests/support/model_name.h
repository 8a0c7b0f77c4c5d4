// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: names of tests that are run on several models.
#pragma once

#include <algorithm>
#include <string>

namespace headwise {

// For INSTANTIATE_TEST_SUITE_P: a tiny model's name, as far as a test's name may have its letters.
inline constexpr auto kModelName = [](const auto& param) {
  std::string name = param.param;
  std::replace_if(
      name.begin(), name.end(), [](char c) { return c == '-' || c == '.'; }, '_');
  return name;
};

}  // namespace headwise
