// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the LoRA adapters that ship inside the library (the folders models/*/adapter, put into
// it when it is built, so that an installed binary needs no data folder), each with the heads that were
// trained with it.
//
//   const headwise::ShippedAdapter* aligned = headwise::shipped_adapter(model->base_fingerprint());
//
// Thread rule: all values are made once and never change; free to call from any thread.
#pragma once

#include <string_view>

#include "headwise/head_set.h"
#include "headwise/model.h"

namespace headwise {

struct ShippedAdapter {
  HeadSet heads;  // its `model` is the base model's fingerprint
  AdapterFiles files;
};

// Null when none ships for the model of this base fingerprint.
const ShippedAdapter* shipped_adapter(std::string_view base_fingerprint);

}  // namespace headwise
