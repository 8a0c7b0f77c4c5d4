// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The CPU backend's door, for decoder/create.cc.
#pragma once

#include <memory>

#include "decoder/create.h"

namespace headwise {

Result<std::unique_ptr<Decoder>> create_cpu_decoder(std::shared_ptr<const ModelWeights> weights,
                                                    const DecoderOptions& options);

}  // namespace headwise
