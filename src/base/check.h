// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The only two macros of the code base.
//   HW_CHECK(condition)        our own bugs only, never input: prints where and aborts.
//   HW_RETURN_IF_ERROR(result) passes on the error of a Result or Status, named variable or call alike.
#pragma once

#include "headwise/error.h"

namespace headwise {
[[noreturn]] void check_failed(const char* condition, const char* file, int line);
}

#define HW_CHECK(condition)                                                     \
  do {                                                                          \
    if (!(condition)) ::headwise::check_failed(#condition, __FILE__, __LINE__); \
  } while (false)

#define HW_RETURN_IF_ERROR(result)                                               \
  do {                                                                           \
    if (auto&& hw_result_ = (result); !hw_result_) {                             \
      return ::tl::unexpected<::headwise::Error>(std::move(hw_result_.error())); \
    }                                                                            \
  } while (false)
