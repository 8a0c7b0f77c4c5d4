// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: how long work reports how far it is, and how it is asked to stop. The library never
// prints; the command line shows a bar, a server shows nothing.
//
// Thread rule: advance() may be called from any thread, one call at a time per sink; stop_requested() is
// cheap and must be safe from any thread.
#pragma once

#include <cstdint>
#include <string_view>

namespace headwise {

class ProgressSink {
 public:
  virtual ~ProgressSink() = default;
  // `done` of `total` units ("queries", "MB"); total 0 when unknown.
  virtual void advance(std::string_view what, int64_t done, int64_t total) = 0;
  // True once the user wants out: work returns ErrorCode::kCancelled at its next safe point.
  virtual bool stop_requested() const = 0;
};

}  // namespace headwise
