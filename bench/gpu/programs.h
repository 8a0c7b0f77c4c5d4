// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the two things that `headwise_gpu` does, each with its JSON on stdout. Both throw
// std::runtime_error for what cannot be done at all.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>

#include "decoder/decoder.h"
#include "model/weights.h"

namespace headwise::gpu_bench {

// A decoder of --device cuda:0; `precision` is "fp32" or "bf16".
std::unique_ptr<Decoder> on_device(const std::shared_ptr<const ModelWeights>& weights,
                                   std::string_view precision);

// Every head's scores on the device against the processor's, and whether other ways to the same scores give
// the same bits. False where something is outside its bound.
bool check(std::span<const std::string> models, nlohmann::ordered_json& report);

// Seconds of passes over a shape's random weights. `dry`: few and small ones.
void measure(const std::string& shape, bool dry, nlohmann::ordered_json& report);

}  // namespace headwise::gpu_bench
