// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: how results leave the program. A closed pipe or a full disk is an error, never a silent
// loss.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "headwise/error.h"

namespace headwise {

using Json = nlohmann::ordered_json;

// Writes to stdout and flushes. kIo when the reader has gone away, kResourceLimit when the disk is full.
Status write_stdout(std::string_view text);
// kUsage for a folder or a device: results replace a file by renaming, and nobody wants /dev/null replaced.
Status check_output_file(const std::filesystem::path& file, const std::string& flag = "--output");
// To `file` in one piece (temporary and rename), or to stdout when it is empty or "-".
Status write_result(const std::filesystem::path& file, std::string_view text);
// JSON text; bytes that are not UTF-8 become U+FFFD. Numbers keep every bit. indent < 0: one line.
std::string json_text(const Json& value, int indent = 2);

}  // namespace headwise
