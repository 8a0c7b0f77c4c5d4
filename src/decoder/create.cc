// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "decoder/create.h"

#include <utility>

#include "decoder/cpu/create.h"

namespace headwise {

Result<std::unique_ptr<Decoder>> create_decoder(std::shared_ptr<const ModelWeights> weights,
                                                const DecoderOptions& options) {
  return create_cpu_decoder(std::move(weights), options);
}

Result<std::unique_ptr<Decoder>> create_decoder(const std::shared_ptr<const Model>& model,
                                                const DecoderOptions& options) {
  return create_decoder(std::shared_ptr<const ModelWeights>(model, &model->weights()), options);
}

}  // namespace headwise
