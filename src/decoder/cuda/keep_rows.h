// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: rows of keys and values that came from a device, laid out as the CPU's images have them
// (decoder/cpu/kept_image.h): what a pass keeps.
#pragma once

#include <memory>
#include <vector>

#include "decoder/cpu/cpu_kept_segment.h"
#include "decoder/cpu/pass_plan.h"
#include "headwise/error.h"
#include "headwise/model_config.h"

namespace headwise::device {

class RowKeeper {
 public:
  // Room for what `request` keeps. kResourceLimit when it is beyond 64 bits.
  static Result<RowKeeper> make(const DecodeRequest& request, const PassPlan& plan,
                                const ModelConfig& config);
  bool wants(int layer) const { return layer < layers_; }
  // `rows` [tokens, keys of K heads, then their values], of the i-th segment that is kept.
  void store(size_t i, int layer, const float* rows);
  std::vector<std::shared_ptr<const KeptSegment>> finish() &&;

 private:
  std::vector<CpuKeptBuilder> segments_;
  int layers_ = 0;
};

}  // namespace headwise::device
