// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the flags that every verb with an engine shares (rerank, bench), and the engine they ask
// for (headwise/engine.h).
#pragma once

#include <CLI/CLI.hpp>
#include <functional>

#include "common/output.h"
#include "engine/settings.h"
#include "headwise/engine.h"
#include "headwise/error.h"

namespace headwise {

// Every word holds its default, so that --help shows it.
struct EngineFlags : EngineSettings {
  EngineFlags() {
    heads = kDefaultHeads;
    put_in_defaults(*this);
  }
  // Whether the user set a flag himself, by any way: what a head-set file says gives way to it.
  std::function<bool(const char* flag)> set_by_user;
};

void add_engine_flags(CLI::App& verb, EngineFlags& flags);

// The words of --encoding, --calibration, --token-filter and --rows that the user did not ask for are empty,
// and with --router those of --heads.
EngineSettings settings_of(const EngineFlags& flags);
Result<Engine> load_engine(const EngineFlags& flags);

}  // namespace headwise
