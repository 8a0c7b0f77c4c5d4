// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the flags that every verb with an engine shares (rerank, bench), and the engine they ask
// for. Defaults are those of RerankerOptions.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "common/output.h"
#include "headwise/error.h"
#include "headwise/explanation.h"
#include "headwise/model.h"
#include "headwise/reranker.h"
#include "headwise/router.h"

namespace headwise {

// --heads default.
inline constexpr const char* kDefaultHeads = "default";
// --adapter none.
inline constexpr const char* kNoAdapter = "none";

struct EngineFlags {
  std::string model;
  std::string adapter = kNoAdapter;
  std::string weights = "stored";
  std::string heads = kDefaultHeads;
  std::string router;
  std::string encoding = "blocks";
  std::string calibration = "ratio";
  std::string token_filter = "low";
  std::string rows = "template";
  std::string order = "given";
  std::string fuse = "none";
  RerankerOptions options;  // what needs no translation
  // Whether the user set a flag himself, by any way: what a head-set file says gives way to it.
  std::function<bool(const char* flag)> set_by_user;
};

void add_engine_flags(CLI::App& verb, EngineFlags& flags);

// kUsage for a value that the flag does not have.
Result<RerankerOptions> engine_options(const EngineFlags& flags);

struct Engine {
  std::shared_ptr<const Model> model;
  Reranker reranker;
  EngineFlags flags;  // as they took effect: a head-set file read and put in
  std::optional<QueryRouter> router;
  bool shipped_heads = false;  // --heads default found a set

  // With the router's heads for this query where there is one.
  Result<Ranking> rank(std::string_view query, std::span<const Passage> passages, ProgressSink* progress);
  Result<Explanation> explain(std::string_view query, std::span<const Passage> passages,
                              ExplainOptions options, ProgressSink* progress);
  // What the ranking read: "all 270 heads of layers 0-29", "36 heads of layers 8-11", "3 heads: 13-18, 14-2,
  // 15-0", "the shipped 32 heads of layers 2-29".
  std::string describe_heads(std::span<const HeadId> heads) const;
};
Result<Engine> load_engine(const EngineFlags& flags);

// Everything among the options that can change a score or the order, by flag name. Threads, --weights and
// --full-depth cannot (docs/method.md, section 6).
Json options_that_decide(const EngineFlags& flags);

}  // namespace headwise
