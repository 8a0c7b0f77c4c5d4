// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "passages/store_lock.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <thread>

namespace headwise {

Result<StoreLock> StoreLock::take(int file, int how, std::chrono::milliseconds patience) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point until = Clock::now() + patience;
  std::chrono::microseconds pause(50);
  while (::flock(file, how | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) {
      return fail(ErrorCode::kIo, std::string("cannot lock it: ") + std::strerror(errno));
    }
    if (Clock::now() >= until) {
      return fail(ErrorCode::kResourceLimit,
                  "another process has written it for " + std::to_string(patience.count()) + " ms");
    }
    std::this_thread::sleep_for(pause);
    pause = std::min(2 * pause, std::chrono::microseconds(2000));
  }
  return StoreLock(file);
}

}  // namespace headwise
