// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "engine/model_names.h"

#include <regex>

#include "base/ascii.h"

namespace headwise {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kEnding = ".gguf";

const std::regex& part_number() {
  static const std::regex pattern("-([0-9]{5})-of-[0-9]{5}$");
  return pattern;
}
const std::regex& quantisation() {
  static const std::regex pattern("[.-](i?q[0-9][a-z0-9_]*|tq[0-9][a-z0-9_]*|mxfp4|f16|bf16|f32|fp16|fp32)$",
                                  std::regex::icase);
  return pattern;
}

// Names longer than a file system's are nobody's: std::regex recurses once a letter.
constexpr size_t kLongestName = 1024;

std::string stem_of(const fs::path& path) {
  std::string name = path.filename().string().substr(0, kLongestName);
  if (lower_ascii(name).ends_with(kEnding)) name.resize(name.size() - kEnding.size());
  return name;
}

}  // namespace

bool is_gguf_model(const fs::path& path) {
  const std::string name = lower_ascii(path.filename().string());
  if (!name.ends_with(kEnding) || name.starts_with("mmproj")) return false;
  const std::string stem = stem_of(path);
  std::smatch part;
  return !std::regex_search(stem, part, part_number()) || part[1] == "00001";
}

std::string quantisation_in(const fs::path& path) {
  const std::string stem = std::regex_replace(stem_of(path), part_number(), "");
  std::smatch found;
  return std::regex_search(stem, found, quantisation()) ? found[1].str() : std::string();
}

std::vector<std::string> names_of_file(const fs::path& path) {
  const std::string stem = stem_of(path);
  const std::string whole = std::regex_replace(stem, part_number(), "");
  return {lower_ascii(path.filename().string()), lower_ascii(stem), lower_ascii(whole),
          lower_ascii(std::regex_replace(whole, quantisation(), ""))};
}

}  // namespace headwise
