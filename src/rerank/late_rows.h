// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the content-free rows of earlier requests, as they enter the first layer that sees
// passages, where a budget leaves some out below (KeepBudget's join; docs/method.md#kept-passages). Below it
// they see the template alone, so they depend on its tokens and on their position, which is that of the
// longest passage; a request of passages that are known runs them from that layer on.
//
// Cost: 4 C bytes a row, within `bytes`; the oldest go first. Thread rule: one caller at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <vector>

#include "decoder/decode_request.h"
#include "rerank/prompt_builder.h"

namespace headwise {

class LateRowsMemory {
 public:
  // `layer`: the first that sees passages; with 0 nothing is remembered.
  LateRowsMemory(int layer, size_t bytes) : layer_(layer), most_(bytes) {}

  // For a prompt whose passages are all given.
  LateRows find(const BuiltPrompt& prompt) const;
  // What its pass left; null: nothing.
  void keep(const BuiltPrompt& prompt, std::shared_ptr<const HiddenRows> rows);

 private:
  using Key = std::vector<int32_t>;
  static Key key_of(const BuiltPrompt& prompt);

  int layer_;
  size_t most_;
  size_t bytes_ = 0;
  std::map<Key, std::shared_ptr<const HiddenRows>> rows_;
  std::list<Key> order_;  // the oldest first
};

}  // namespace headwise
