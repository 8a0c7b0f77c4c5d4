// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: Ctrl-C and SIGTERM as a question that long work asks now and then.
#pragma once

namespace headwise {

// While one lives, the first Ctrl-C or SIGTERM makes stop_signalled() true and interrupts blocking reads; the
// second ends the process at once. One at a time; verbs without long work do not need it.
class StopSignals {
 public:
  StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;
  ~StopSignals();
};

bool stop_signalled();

}  // namespace headwise
