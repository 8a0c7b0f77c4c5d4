// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: where tests find their data. The paths are compiled into one file alone, so that every
// other object is the same in every checkout.
#pragma once

#include <filesystem>

namespace headwise {

// The fixtures of the repository: tests/data.
std::filesystem::path test_data();
// Shared collections and tokenizers, beside the repository; may be missing.
std::filesystem::path shared_data();

}  // namespace headwise
