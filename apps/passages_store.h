// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: what the verbs `passages info, verify, compact, drop` share: the flag --keep and the
// folder it names.
#pragma once

#include <memory>
#include <string>

#include "common/app.h"
#include "headwise/error.h"
#include "passages/passage_store.h"

namespace headwise {

struct StoreChoice {
  std::string keep;
  bool json = false;
};

// --keep and --json.
void add_store_choice(CLI::App& verb, StoreChoice& choice, const char* json_help);
// kUnsupported for a server, where `what` is not done; kNotFound, kInvalidInput for what is no store.
Result<std::shared_ptr<PassageStore>> open_folder(const StoreChoice& choice, const std::string& what);
// "1,234 passages, 2.1 GB".
std::string size_text(const StoreInfo& info);

}  // namespace headwise
