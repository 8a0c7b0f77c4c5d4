// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "passages/store_manifest.h"

#include <algorithm>
#include <string>

#include "base/check.h"
#include "base/file.h"
#include "passages/segment_file.h"

namespace headwise {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kDigest = "digest";

// A digest can be computed of anything; readers of a manifest rely on these.
bool well_formed(const Json& manifest) {
  const auto is_text = [&](const char* name) {
    return manifest.contains(name) && manifest[name].is_string();
  };
  const auto prefix = manifest.find("prefix");
  return is_text("model") && is_text("template") && is_text("type") && prefix != manifest.end() &&
         prefix->is_array() &&
         std::ranges::all_of(*prefix, [](const Json& id) { return id.is_number_integer(); });
}

bool of_a_store(const std::string& name) {
  return name == "lock" || name == "users" || name.starts_with("store.json") || name.starts_with("index.") ||
         segment_number(name) != 0;
}

}  // namespace

Result<Json> read_manifest(const std::filesystem::path& folder) {
  const auto text = read_text_file(folder / "store.json", size_t{64} << 20);
  HW_RETURN_IF_ERROR(text);
  Json manifest = Json::parse(*text, nullptr, false);
  const auto damaged = [&folder] {
    return fail(ErrorCode::kInvalidInput, "'" + (folder / "store.json").string() + "' is damaged");
  };
  if (!manifest.is_object() || !manifest.contains(kDigest) || !manifest[kDigest].is_string())
    return damaged();
  const auto digest = manifest[kDigest].get<std::string>();
  manifest.erase(kDigest);
  if (context_digest(manifest) != digest || !well_formed(manifest)) return damaged();
  return manifest;
}

Status write_manifest(const std::filesystem::path& folder, const KeptContext& context) {
  Json manifest = context.describe();
  manifest[kDigest] = context.digest();
  return write_file_atomically(folder / "store.json", manifest.dump(1) + "\n");
}

Status check_folder(const std::filesystem::path& folder) {
  std::error_code error;
  bool manifest = false;
  std::string stranger;
  for (auto entry = std::filesystem::directory_iterator(folder, error);
       !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    manifest = manifest || name == "store.json";
    if (!of_a_store(name)) stranger = name;
  }
  if (error) return fail(ErrorCode::kIo, "cannot list '" + folder.string() + "': " + error.message());
  if (stranger.empty() || manifest) return {};
  return fail(ErrorCode::kInvalidInput, "'" + folder.string() + "' keeps no passages and is not empty ('" +
                                            stranger + "'): name an empty folder, or a new one");
}

}  // namespace headwise
