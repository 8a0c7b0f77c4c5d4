// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: what the passes of a process share, whichever engine runs them: worker threads (the
// ThreadPools it gives) and scratch memory. A pass leases scratch of its own type and gives it back, so that
// eight engines that work in turn hold the memory of one.
//
//   auto scratch = context.lease<PassBuffers>();   // made, or one that an earlier pass gave back
//   scratch->hidden.reserve(...);
//
// Thread rule: leases from any thread; what is leased is its holder's alone.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <typeindex>
#include <utility>
#include <vector>

namespace headwise {

class ExecutionContext {
 public:
  template <typename Scratch>
  class Lease {
   public:
    Lease(ExecutionContext& context, std::shared_ptr<void> held)
        : context_(&context), held_(std::move(held)) {}
    Lease(Lease&&) noexcept = default;
    Lease& operator=(Lease&&) = delete;
    ~Lease() {
      if (held_) context_->give_back(typeid(Scratch), std::move(held_));
    }
    Scratch& operator*() const { return *static_cast<Scratch*>(held_.get()); }
    Scratch* operator->() const { return static_cast<Scratch*>(held_.get()); }

   private:
    ExecutionContext* context_;
    std::shared_ptr<void> held_;
  };

  // The same one for whoever asks, as long as somebody holds it.
  static std::shared_ptr<ExecutionContext> of_process();

  // Its content is whatever the last pass left.
  template <typename Scratch>
  Lease<Scratch> lease() {
    std::shared_ptr<void> held = take(typeid(Scratch));
    return {*this, held ? std::move(held) : std::make_shared<Scratch>()};
  }

 private:
  std::shared_ptr<void> take(std::type_index type);
  void give_back(std::type_index type, std::shared_ptr<void> scratch);

  std::mutex mutex_;
  std::map<std::type_index, std::vector<std::shared_ptr<void>>> free_;
};

}  // namespace headwise
