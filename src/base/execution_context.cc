// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "base/execution_context.h"

namespace headwise {

std::shared_ptr<ExecutionContext> ExecutionContext::of_process() {
  static std::mutex mutex;
  static std::weak_ptr<ExecutionContext> shared;
  const std::lock_guard lock(mutex);
  std::shared_ptr<ExecutionContext> context = shared.lock();
  if (!context) shared = context = std::make_shared<ExecutionContext>();
  return context;
}

std::shared_ptr<void> ExecutionContext::take(std::type_index type) {
  const std::lock_guard lock(mutex_);
  const auto found = free_.find(type);
  if (found == free_.end() || found->second.empty()) return nullptr;
  std::shared_ptr<void> scratch = std::move(found->second.back());
  found->second.pop_back();
  return scratch;
}

void ExecutionContext::give_back(std::type_index type, std::shared_ptr<void> scratch) {
  const std::lock_guard lock(mutex_);
  free_[type].push_back(std::move(scratch));
}

}  // namespace headwise
