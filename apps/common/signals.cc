// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "common/signals.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>

#include "headwise/error.h"

namespace headwise {
namespace {

std::atomic<bool> stop_flag{false};
static_assert(std::atomic<bool>::is_always_lock_free, "the handler may use lock-free atomics only");

extern "C" void on_stop_signal(int) {
  if (stop_flag.exchange(true)) ::_exit(1);  // 1 is exit_status(kCancelled); nothing else is safe here
}

void set_handler(void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;  // no SA_RESTART: a read that waits for input must return
  sigemptyset(&action.sa_mask);
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
}

}  // namespace

StopSignals::StopSignals() {
  stop_flag = false;
  set_handler(on_stop_signal);
}

StopSignals::~StopSignals() { set_handler(SIG_DFL); }

bool stop_signalled() { return stop_flag.load(std::memory_order_relaxed); }

}  // namespace headwise
