// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the seam between the decoder's host side, which is in every build, and what needs a CUDA
// compiler: a table of functions that libheadwise_cuda.so hands out (headwise_device_table), and that a
// test's double (tests/support/fake_device.h) implements with plain memory. Plain data and C calls only, so
// that the two may come from different compilers.
//
// Work on a stream runs in order; streams run beside each other but for events. All but `memory`, `allocate`,
// `release` and their host forms, `finish` and `await` return before the work is done: what it reads and
// writes must stay until then. Thread rule: one caller at a time for a handle.
#pragma once

#include <cstdint>

namespace headwise::device {

// Raised with every change of this file or of the operations' arguments (ops/): both sides must agree.
inline constexpr uint32_t kTableVersion = 3;
inline constexpr char kTableSymbol[] = "headwise_device_table";

enum Outcome : int {
  kDone = 0,
  kNoDriver,     // no driver, or one that is older than the library
  kNoDevice,     // no such device, or one that the kernels were not compiled for
  kOutOfMemory,  // of the device, or of pinned host memory
  kLost,         // the device does not answer any more: this handle is of no use
  kFailed,       // anything else; message() says what
};

// Types of numbers that products and operations work on; sums are fp32 in all of them.
enum NumberType : int { kFloat = 0, kBfloat16 = 1 };

constexpr int64_t bytes_of(NumberType type) { return type == kFloat ? 4 : 2; }

// Streams and events of a handle, by number.
inline constexpr int kStreams = 2;
inline constexpr int kEvents = 8;

struct Info {
  char name[128];     // "NVIDIA H100 80GB HBM3"
  int architecture;   // 90: compute capability 9.0
  int driver;         // 13000: CUDA 13.0
  int library;        // of cuBLASLt, 130000 and the like
  int shared_memory;  // bytes a block may have
};

// out [rows, outputs] = alpha * x [rows, inputs] weights^T + beta * out; weights are [outputs, inputs]. The
// sum over the inputs is in an order that depends on inputs and outputs alone, never on `rows`: a row has the
// bits that it has beside others.
struct ProductArgs {
  const void* x;  // of `type`
  int64_t x_stride;
  const void* weights;  // of `type`, contiguous
  void* out;            // of `out_type`
  int64_t out_stride;
  int64_t rows;
  int64_t outputs;
  int64_t inputs;
  float alpha;
  float beta;
  NumberType type;
  NumberType out_type;
};

enum Direction : int { kToDevice = 0, kToHost = 1, kWithinDevice = 2 };

struct Handle;

struct DeviceTable {
  uint32_t version;  // kTableVersion
  uint32_t bytes;    // sizeof(DeviceTable)

  // `ordinal` as the driver counts. On failure `message` gets words (ended by 0), and no handle is made.
  Outcome (*open)(int ordinal, Handle** handle, Info* info, char* message, uint64_t message_bytes);
  void (*close)(Handle* handle);
  // Of the last outcome that was not kDone.
  const char* (*message)(Handle* handle);

  Outcome (*memory)(Handle* handle, uint64_t* free, uint64_t* total);
  Outcome (*allocate)(Handle* handle, uint64_t bytes, void** memory);       // on a multiple of 256
  void (*release)(Handle* handle, void* memory);                            // when no stream works with it
  Outcome (*allocate_host)(Handle* handle, uint64_t bytes, void** memory);  // pinned
  void (*release_host)(Handle* handle, void* memory);

  // The host's side is of allocate_host.
  Outcome (*copy)(Handle* handle, int stream, void* to, const void* from, uint64_t bytes,
                  Direction direction);
  // `args` is the operation's struct (ops/operations.cuh), copied before the call returns.
  Outcome (*launch)(Handle* handle, int stream, int operation, NumberType type, const void* args,
                    uint64_t args_bytes);
  Outcome (*product)(Handle* handle, int stream, const ProductArgs* args);

  Outcome (*record)(Handle* handle, int stream, int event);
  Outcome (*wait)(Handle* handle, int stream, int event);  // the stream, not the host
  Outcome (*await)(Handle* handle, int event);             // the host
  Outcome (*finish)(Handle* handle, int stream);           // the host, all that was asked of the stream
};

using TableFunction = const DeviceTable* (*)();

}  // namespace headwise::device
