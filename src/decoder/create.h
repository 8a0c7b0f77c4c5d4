// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the one door to the backends: weights in, a Decoder out.
#pragma once

#include <memory>

#include "base/execution_context.h"
#include "decoder/decoder.h"
#include "headwise/device_choice.h"
#include "headwise/error.h"
#include "headwise/model.h"
#include "model/weights.h"

namespace headwise {

struct DecoderOptions {
  int threads = 0;        // most that a pass works with; 0: the usable cores
  DeviceChoice device{};  // where
  std::shared_ptr<ExecutionContext> context = ExecutionContext::of_process();
};

// kUsage when HEADWISE_ISA is wrong; kUnsupported names what the model's layers or its precision ask for and
// the backend has not; kNotFound when there is no such device, or no way to it.
Result<std::unique_ptr<Decoder>> create_decoder(std::shared_ptr<const ModelWeights> weights,
                                                const DecoderOptions& options);
// Shares the model's ownership: the weights live as long as the decoder does.
Result<std::unique_ptr<Decoder>> create_decoder(const std::shared_ptr<const Model>& model,
                                                const DecoderOptions& options);

}  // namespace headwise
