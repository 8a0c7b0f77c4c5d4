// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: what the frozen layers below the first trained one make of a prompt, kept in a folder: a
// file a prompt with the hidden states that enter the first trained layer and the attention that heads below
// it paid. Each prompt runs these layers once, whatever the number of times it is trained on. Values are kept
// as they are (fp32), so training gives the same bits with the cache and without.
//
// Several processes may share a folder. Thread rule: one caller. A folder that cannot be written is no error:
// the layers run again (first_error() says why).
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "headwise/error.h"

namespace headwise {

class TrunkCache {
 public:
  explicit TrunkCache(std::filesystem::path folder) : folder_(std::move(folder)) {}

  // `key` is over all that decides the values. Nothing for one that is not there, or is damaged.
  std::optional<std::vector<torch::Tensor>> find(const std::string& key);
  void put(const std::string& key, const std::vector<torch::Tensor>& values);

  int64_t found() const { return found_; }
  int64_t missed() const { return missed_; }
  const std::optional<Error>& first_error() const { return first_error_; }

 private:
  std::filesystem::path folder_;
  int64_t found_ = 0, missed_ = 0;
  std::optional<Error> first_error_;
};

}  // namespace headwise
