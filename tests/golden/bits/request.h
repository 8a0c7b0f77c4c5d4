// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The table of requests.json: what is asked of the engine, in the words that users write, so that the table
// outlives any change of the code behind them. tests/golden/README.md says what each member means.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "headwise/engine.h"

namespace headwise::golden {

// tests/golden/bits: the table and the sets.
std::filesystem::path bits_folder();

enum class RequestKind { kRank, kExplain, kEmbed };

struct BitsRequest {
  std::string name;
  RequestKind kind = RequestKind::kRank;
  EngineSettings settings;  // weights and threads left open
  std::string query;
  std::vector<Passage> passages;
  int layer = -1;  // kEmbed: -1 for the usual one
  // Every pair of these gives the same bits.
  std::vector<std::string> weights;
  std::vector<int> threads;
  std::vector<std::string> sets;  // the instruction sets it is asked with
};

// Throws std::runtime_error, with the member, for a table that is not as described.
std::vector<BitsRequest> read_requests();

}  // namespace headwise::golden
