// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: which numbers the linear layers of this backend multiply, by what a model's options ask
// for and what the processor has. Thread rule: free functions.
#pragma once

#include <string_view>

#include "headwise/error.h"
#include "headwise/model.h"
#include "kernels/kernels.h"
#include "kernels/linear.h"

namespace headwise {

// kUnsupported, with what is there, where the table has no such products.
Result<kernels::LinearType> linear_type(Precision wanted, const kernels::KernelTable& ops);
// "fp32", "bf16", "int8".
std::string_view precision_word(kernels::LinearType type);

}  // namespace headwise
