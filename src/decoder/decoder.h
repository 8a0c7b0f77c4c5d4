// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the forward pass of a decoder language model over one prompt, layer by layer to the
// deepest head that is read, handing out the attention that chosen rows pay to every key. All tokens go
// through a layer before the next one starts, so keys and values of one layer only are in memory. Backends
// implement it (decoder/cpu, decoder/cuda), decoder/create.h makes one.
//
// Cost: 2 * (weights of the layers run) * T + 4 * H * D * (visible pairs) flops; memory about T * (3C +
// 2(H+K)D) floats plus a few row tiles of 64 per thread. Thread rule: one Decoder, one caller at a time;
// Decoders at work at once share the process's threads (base/execution_context.h). Source: Touvron et al.
// 2023 (Llama), Yang et al. 2024 (Qwen2), Qwen team 2025 (Qwen3: q/k norm).
#pragma once

#include "decoder/decode_request.h"
#include "headwise/decoder_description.h"
#include "headwise/error.h"

namespace headwise {

class Decoder {
 public:
  virtual ~Decoder() = default;
  virtual DecoderDescription describe() const = 0;
  // kCancelled when progress asks to stop (checked once per layer); kResourceLimit when memory runs out;
  // kInvalidInput when a given segment does not fit its place, the model or the layers that run.
  virtual Result<DecodeResult> run(const DecodeRequest& request) = 0;
  // Brings what a pass of the first `layers` layers needs, where a device has memory of its own, so that what
  // does not fit is said before the first request.
  virtual Status prepare(int /*layers*/) { return {}; }
  // Most threads that a pass works with.
  virtual int threads() const = 0;
};

}  // namespace headwise
