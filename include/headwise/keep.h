// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: what is kept of passages between requests (docs/kept-passages.md, docs/method.md
// #kept-passages): how much of it, in what form, and where; and what came of it. With Encoding::kBlocks the
// keys and values of a passage depend on the model, its adapter and the wording in front of it alone, so a
// passage that was seen before is not run again: the question's rows are.
//
// Sources: precomputed document layers, PreTTR (MacAvaney et al. 2020, 2004.14255); passage blocks with
// shared positions, Block-Attention (2409.15355); budgets by depth, DepthKV (2604.24647).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "headwise/error.h"

namespace headwise {

// How keys and values are kept. kFloat32 gives the bits of a request without anything kept; the others are
// approximations (docs/evaluation.md#kept-passages), the same at first sight as ever after.
enum class KeptType { kFloat32, kBfloat16, kInt8 };

enum class BudgetSplit {
  kUniform,  // the same share in every layer
  kDepth,    // in proportion to what each layer loses when it is pruned: needs a budget file
  kPyramid,  // falling linearly with depth
  kJoin,     // nothing below layer `join`, everything from it on
};
enum class BudgetTokens {
  kEvery,     // the last of each run of 1/share tokens
  kReceived,  // those that the passage's own later tokens look at most
  kNorm,      // those with the smallest keys
};

inline constexpr double kLeastShare = 1.0 / 32;

// Which part of a passage's tokens is kept in each layer.
struct KeepBudget {
  double share = 1.0;  // mean over the layers, in [kLeastShare, 1]; with kJoin over those from `join` on
  BudgetSplit split = BudgetSplit::kUniform;
  int join = 0;  // with kJoin
  BudgetTokens tokens = BudgetTokens::kEvery;
  std::string file{};  // of `heads sensitivity`: shares or sensitivities by layer; empty: none

  bool whole() const { return file.empty() && split != BudgetSplit::kJoin && share == 1.0; }
};

// B[,split=uniform|depth|pyramid|join:L][,tokens=every|received|norm], as --keep-budget takes it: B is a
// number or a fraction, "0.25" or "1/4". kUsage says what else was found. Prints what it reads, but for the
// file.
Result<KeepBudget> parse_keep_budget(std::string_view text);
std::string to_string(const KeepBudget& budget);
// fp32, bf16 or int8.
Result<KeptType> parse_kept_type(std::string_view text);
std::string to_string(KeptType type);

struct KeepOptions {
  uint64_t memory = 0;       // bytes in this process, least recently used out first; 0: nothing is kept there
  std::string store{};       // a folder, or redis://host:port/db; empty: none
  uint64_t store_bytes = 0;  // bound of a folder; 0: none. The oldest segments go first
  bool second_sight = false;  // the store takes what is seen for the second time
  KeptType type = KeptType::kFloat32;
  KeepBudget budget{};

  bool any() const { return memory > 0 || !store.empty(); }
  // The bits of a request are those it has without anything kept.
  bool exact() const { return type == KeptType::kFloat32 && budget.whole(); }
};

// Since the process began, over everything that shares the memory.
struct KeepStatistics {
  uint64_t hits = 0;        // passages found in memory
  uint64_t store_hits = 0;  // found in the store, not in memory
  uint64_t misses = 0;      // encoded
  uint64_t evictions = 0;
  uint64_t passages = 0;  // in memory now
  uint64_t bytes = 0;     // likewise
  // A store that did not answer, or held what it should not: the passage was encoded again.
  uint64_t store_errors = 0;
  std::string store_error{};  // the last of them, in words
};

}  // namespace headwise
