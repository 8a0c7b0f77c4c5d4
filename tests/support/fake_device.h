// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// A device of plain memory behind decoder/cuda/device_table.h: what runs on a card runs here on the CPU, as
// late as the table's rules allow and with what a card would not say: memory is poisoned before it is
// written, copies and products must lie within one allocation, pinned memory must be pinned, nothing may be
// given back while work waits for it. What broke a rule is in violations().
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "decoder/cuda/device_table.h"

namespace headwise::device {

struct FakeSettings {
  uint64_t memory = 1ull << 30;
  int devices = 1;
  bool driver = true;
  int shared_memory = 163 << 10;
};

class FakeDevice {
 public:
  // What is opened through table() from now on, until another one is made or this one goes.
  explicit FakeDevice(FakeSettings settings = {});
  ~FakeDevice();
  FakeDevice(const FakeDevice&) = delete;
  FakeDevice& operator=(const FakeDevice&) = delete;

  static const DeviceTable& table();
  // The n-th call from now on (1: the next) that can fail does so with this outcome; kLost goes on for ever.
  void fail_after(int calls, Outcome outcome);
  // Broken rules, in words; open memory and handles when it goes count too.
  const std::vector<std::string>& violations() const;
  uint64_t used() const;       // bytes of the device that are allocated
  uint64_t most_used() const;  // at once, since it was made
  int64_t operations() const;  // launched
  int64_t products() const;

  struct State;

 private:
  std::shared_ptr<State> state_;
};

}  // namespace headwise::device
