// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: a mean of numbers that come one by one.
#pragma once

namespace headwise {

struct RunningMean {
  double sum = 0.0;
  double count = 0.0;
  void add(double value) {
    sum += value;
    ++count;
  }
  // -1 while there is none.
  double value() const { return count == 0.0 ? -1.0 : sum / count; }
};

}  // namespace headwise
