// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "passages/shared_passages.h"

#include <map>
#include <mutex>

namespace headwise {

std::shared_ptr<SharedPassages> SharedPassages::of(const std::string& model) {
  static std::mutex mutex;
  static std::map<std::string, std::weak_ptr<SharedPassages>> by_model;
  const std::lock_guard lock(mutex);
  std::erase_if(by_model, [](const auto& entry) { return entry.second.expired(); });
  std::shared_ptr<SharedPassages> shared = by_model[model].lock();
  if (shared == nullptr) {
    shared = std::make_shared<SharedPassages>();
    by_model[model] = shared;
  }
  return shared;
}

}  // namespace headwise
