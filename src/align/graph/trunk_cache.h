// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: what the frozen layers below the first trained one make of a prompt, kept in a folder: a
// file a prompt with the hidden states that enter the first trained layer and the attention that heads below
// it paid. Each prompt runs these layers once, whatever the number of times it is trained on. Values are kept
// as they are (fp32), so training gives the same bits with the cache and without. Where rows see no passages
// in the frozen layers (a join), a passage's hidden states are the same in every prompt: then a file a
// passage, and no batch need come twice.
//
// Several processes may share a folder. Thread rule: one caller. A folder that cannot be written is no error:
// the layers run again (first_error() says why).
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "align/graph/prompt_tensors.h"
#include "base/fingerprint.h"
#include "headwise/error.h"
#include "headwise/head_selection.h"

namespace headwise {

struct Trunk {
  std::string model;  // fingerprint
  int layers = 0;
  bool bf16 = false;
  int join = 0;  // TrainingModelOptions::join
};

class TrunkCache {
 public:
  TrunkCache(std::filesystem::path folder, Trunk trunk)
      : folder_(std::move(folder)), trunk_(std::move(trunk)) {}

  // Over all that decides the values: the trunk and, unless it is `frozen`, its changes; the prompt; and
  // which of the heads read lie in the trunk.
  std::string key(const PromptTensors& prompt, std::span<const HeadId> heads, bool frozen) const;
  // Of a passage that sees what stands before it, the base, and nothing else: `ids` of both.
  std::string key(const torch::Tensor& ids, int64_t base, bool frozen) const;
  // A change to one of the trunk's matrices, which stays (TrainingModel::keep_change()); `b` may be
  // undefined.
  void add_change(int64_t layer, int tensor, const torch::Tensor& a, const torch::Tensor& b);
  // Nothing for a key that is not there, or whose file is damaged.
  std::optional<std::vector<torch::Tensor>> find(const std::string& key);
  void put(const std::string& key, const std::vector<torch::Tensor>& values);

  int64_t found() const { return found_; }
  int64_t missed() const { return missed_; }
  const std::optional<Error>& first_error() const { return first_error_; }

 private:
  Fingerprint trunk_key(bool frozen) const;

  std::filesystem::path folder_;
  Trunk trunk_;
  std::string changes_;  // fingerprints
  int64_t found_ = 0, missed_ = 0;
  std::optional<Error> first_error_;
};

}  // namespace headwise
