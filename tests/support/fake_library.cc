// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// libheadwise_cuda_fake.so: the fake device as a library that HEADWISE_CUDA_LIBRARY may name, so that the
// program runs with --device cuda from its flags to its answer. Variables:
//   HEADWISE_FAKE_MEMORY   MiB of a device
//   HEADWISE_FAKE_DEVICES  how many there are; none: there is no driver
//   HEADWISE_FAKE_VERSION  of the table
//   HEADWISE_FAKE_FAILURE  a file: while it holds "lost" or "memory", calls end so
// What breaks a rule of the table ends the process.
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

#include "decoder/cuda/device_table.h"
#include "support/fake_device.h"

namespace headwise::device {
namespace {

int number(const char* variable, int otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::atoi(text);
}

FakeDevice& fake() {
  static FakeDevice made({.memory = static_cast<uint64_t>(number("HEADWISE_FAKE_MEMORY", 1024)) << 20,
                          .devices = number("HEADWISE_FAKE_DEVICES", 1),
                          .driver = number("HEADWISE_FAKE_DEVICES", 1) > 0});
  return made;
}

void close_and_tell(Handle* handle) {
  FakeDevice::table().close(handle);
  for (const std::string& words : fake().violations()) {
    std::fprintf(stderr, "fake device: %s\n", words.c_str());
  }
  if (!fake().violations().empty()) std::abort();
}

// Every pass and every look for weights begins with this call.
Outcome memory_or_failure(Handle* handle, uint64_t* free, uint64_t* total) {
  if (const char* path = std::getenv("HEADWISE_FAKE_FAILURE"); path != nullptr) {
    std::string word;
    if (std::ifstream(path) >> word) fake().fail_after(1, word == "lost" ? kLost : kOutOfMemory);
  }
  return FakeDevice::table().memory(handle, free, total);
}

}  // namespace
}  // namespace headwise::device

extern "C" __attribute__((visibility("default"))) const headwise::device::DeviceTable*
headwise_device_table() {
  using namespace headwise::device;
  fake();
  static const DeviceTable kTable = [] {
    DeviceTable table = FakeDevice::table();
    table.version = static_cast<uint32_t>(number("HEADWISE_FAKE_VERSION", kTableVersion));
    table.close = close_and_tell;
    table.memory = memory_or_failure;
    return table;
  }();
  return &kTable;
}
