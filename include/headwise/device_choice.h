// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: where passes run: on the processor, or on a card (docs/gpu.md). A plain value.
#pragma once

namespace headwise {

struct DeviceChoice {
  enum class Kind { kCpu, kCuda };
  Kind kind = Kind::kCpu;
  int ordinal = 0;  // of a card, as the driver counts them

  friend bool operator==(const DeviceChoice&, const DeviceChoice&) = default;
};

}  // namespace headwise
