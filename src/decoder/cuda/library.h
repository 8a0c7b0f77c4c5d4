// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: libheadwise_cuda.so, found and loaded when a device is first asked for.
#pragma once

#include <memory>

#include "decoder/cuda/device_table.h"
#include "headwise/error.h"

namespace headwise::device {

struct DeviceLibrary {
  const DeviceTable* table = nullptr;
  std::shared_ptr<void> handle;  // keeps it loaded
};

// The file that HEADWISE_CUDA_LIBRARY names, or libheadwise_cuda.so beside this code's own file, in
// lib/headwise or headwise_cuda beside that file's folder, or where the system looks for libraries. kNotFound
// says where it was looked for and what to install; kUnsupported when it is of another version than this
// build.
Result<DeviceLibrary> load_device_library();

}  // namespace headwise::device
