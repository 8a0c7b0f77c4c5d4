// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: what computes scores: two runs of one model and one request agree to the last bit where
// these agree, and to rounding where they do not. It belongs into whatever keeps scores or goes on with them:
// run headers, stores, caches.
#pragma once

#include <string>

namespace headwise {

struct DecoderDescription {
  std::string backend;    // "cpu", "cuda"
  std::string precision;  // of the linear products: "fp32"
  // "scalar", "avx2", "avx512"; of a card its name, architecture, driver and library of products.
  std::string instruction_set;
  // Raised whenever the bits of a backend's results change: what another one kept or wrote is not gone on
  // with.
  int arithmetic = 4;

  friend bool operator==(const DecoderDescription&, const DecoderDescription&) = default;
};

}  // namespace headwise
