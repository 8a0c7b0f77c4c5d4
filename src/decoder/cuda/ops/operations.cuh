// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the list of operations that a device runs, by number: what DeviceTable::launch takes,
// and how both sides find the body.
#pragma once

#include "decoder/cuda/device_table.h"
#include "decoder/cuda/ops/attention.cuh"
#include "decoder/cuda/ops/combine.cuh"
#include "decoder/cuda/ops/rows.cuh"
#include "decoder/cuda/ops/stored.cuh"

namespace headwise::device {

enum Operation : int {
  kEmbed,
  kNorm,
  kAdd,
  kHeads,
  kGate,
  kFill,
  kTake,
  kAttend,
  kRead,
  kStore,
  kWideNorm,
  kCombine
};

// Calls visit(body) with the operation's body at these arguments. False where there is no such operation, or
// its arguments are of another size: the two sides are not of one version.
template <typename Visit>
bool visit_operation(int operation, NumberType type, const void* args, uint64_t bytes, const Visit& visit) {
  const auto typed = [&]<template <typename> typename Body, typename Args>() {
    if (bytes != sizeof(Args)) return false;
    Args copy;
    memcpy(&copy, args, sizeof copy);
    if (type == kBfloat16) {
      visit(Body<Bfloat16>{copy});
    } else {
      visit(Body<float>{copy});
    }
    return true;
  };
  const auto plain = [&]<typename Body, typename Args>() {
    if (bytes != sizeof(Args)) return false;
    Args copy;
    memcpy(&copy, args, sizeof copy);
    visit(Body{copy});
    return true;
  };
  switch (operation) {
    case kEmbed:
      return typed.template operator()<Embed, EmbedArgs>();
    case kNorm:
      return typed.template operator()<Norm, NormArgs>();
    case kAdd:
      return plain.template operator()<Add, AddArgs>();
    case kHeads:
      return typed.template operator()<Heads, HeadsArgs>();
    case kGate:
      return typed.template operator()<Gate, GateArgs>();
    case kFill:
      return plain.template operator()<Fill, FillArgs>();
    case kTake:
      return typed.template operator()<Take, TakeArgs>();
    case kAttend:
      return typed.template operator()<Attend, AttendArgs>();
    case kRead:
      return typed.template operator()<Read, ReadArgs>();
    case kStore:
      return typed.template operator()<Store, StoreArgs>();
    case kWideNorm:
      return typed.template operator()<WideNorm, WideNormArgs>();
    case kCombine:
      return typed.template operator()<Combine, CombineArgs>();
    default:
      return false;
  }
}

}  // namespace headwise::device
