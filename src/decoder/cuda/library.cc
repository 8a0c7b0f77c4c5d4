// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "decoder/cuda/library.h"

#include <dlfcn.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

namespace headwise::device {
namespace {

constexpr char kFile[] = "libheadwise_cuda.so";

std::vector<std::string> places() {
  if (const char* named = std::getenv("HEADWISE_CUDA_LIBRARY"); named != nullptr && *named != '\0')
    return {named};
  std::vector<std::string> found;
  Dl_info info{};
  if (dladdr(reinterpret_cast<const void*>(&places), &info) != 0 && info.dli_fname != nullptr) {
    std::error_code error;
    const std::filesystem::path own = std::filesystem::absolute(info.dli_fname, error).parent_path();
    found.push_back((own / kFile).string());
    found.push_back((own.parent_path() / "lib" / "headwise" / kFile).string());
    found.push_back((own.parent_path() / "headwise_cuda" / kFile).string());  // of headwise[cuda]
  }
  found.emplace_back(kFile);
  return found;
}

}  // namespace

Result<DeviceLibrary> load_device_library() {
  std::string tried;
  for (const std::string& place : places()) {
    void* handle = dlopen(place.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr) {
      const char* why = dlerror();
      tried += (tried.empty() ? "" : "; ") + std::string(why == nullptr ? place : why);
      continue;
    }
    const std::shared_ptr<void> kept(handle, dlclose);
    void* symbol = dlsym(handle, kTableSymbol);
    const DeviceTable* table = symbol == nullptr ? nullptr : reinterpret_cast<TableFunction>(symbol)();
    if (table == nullptr || table->version != kTableVersion || table->bytes != sizeof(DeviceTable)) {
      return fail(ErrorCode::kUnsupported,
                  place + " is of version " +
                      (table == nullptr ? "unknown" : std::to_string(table->version)) +
                      " and this headwise expects version " + std::to_string(kTableVersion) +
                      "; install the one that came with it, or use --device cpu");
    }
    return DeviceLibrary{table, kept};
  }
  return fail(ErrorCode::kNotFound,
              "--device cuda needs " + std::string(kFile) + ", which could not be loaded (" + tried +
                  "); install headwise[cuda], or build with -DHEADWISE_CUDA=ON, or use --device cpu");
}

}  // namespace headwise::device
