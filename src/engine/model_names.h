// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: what the name of a model's file says. No file is looked at.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace headwise {

// A GGUF file that can be loaded by itself: of a split model the first part, and no image projector.
bool is_gguf_model(const std::filesystem::path& path);
// "Q4_K_M" of "Qwen3-0.6B-Q4_K_M.gguf", as it is written; empty where the name says nothing.
std::string quantisation_in(const std::filesystem::path& path);
// The names in lower case that a file or folder answers to: its own, without .gguf, without the number of the
// part, without the quantisation.
std::vector<std::string> names_of_file(const std::filesystem::path& path);

}  // namespace headwise
