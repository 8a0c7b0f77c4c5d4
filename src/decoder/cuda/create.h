// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the CUDA backend's door, for decoder/create.cc and tests.
#pragma once

#include <memory>
#include <string_view>

#include "decoder/create.h"
#include "decoder/cuda/device.h"
#include "headwise/model.h"

namespace headwise {

struct CudaOptions {
  int ordinal = 0;
  device::NumberType type = device::kBfloat16;  // of weights and activations; kFloat to compare with the CPU
  uint64_t kept_bytes = 0;  // kept passages on the device between passes; 0: a quarter of it
};

// What --precision asks of a card: fp32, or bf16 for that and auto; kUnsupported for int8.
Result<device::NumberType> number_type(Precision precision);

// kNotFound says what is missing: the library, the driver, the device. kUnsupported as create_decoder.
Result<std::unique_ptr<Decoder>> create_cuda_decoder(std::shared_ptr<const ModelWeights> weights,
                                                     const CudaOptions& options);
// On a device that is open already.
Result<std::unique_ptr<Decoder>> create_cuda_decoder(std::shared_ptr<const ModelWeights> weights,
                                                     const CudaOptions& options,
                                                     std::shared_ptr<device::Device> device);

}  // namespace headwise
