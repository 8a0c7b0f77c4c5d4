// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "decoder/create.h"

#include <utility>

#include "base/check.h"
#include "decoder/cpu/create.h"
#include "decoder/cuda/create.h"

namespace headwise {

Result<std::unique_ptr<Decoder>> create_decoder(std::shared_ptr<const ModelWeights> weights,
                                                const DecoderOptions& options) {
  if (options.device.kind == DeviceChoice::Kind::kCpu) return create_cpu_decoder(std::move(weights), options);
  const auto type = number_type(weights->options.precision);
  HW_RETURN_IF_ERROR(type);
  return create_cuda_decoder(std::move(weights), {.ordinal = options.device.ordinal, .type = *type});
}

Result<std::unique_ptr<Decoder>> create_decoder(const std::shared_ptr<const Model>& model,
                                                const DecoderOptions& options) {
  return create_decoder(std::shared_ptr<const ModelWeights>(model, &model->weights()), options);
}

}  // namespace headwise
