// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: who wins where settings, a head set or router, an adapter and defaults all say
// something. resolve() is a pure function: what settings name is read before (read_named_parts), what ships
// for a model is handed in.
//
//   explicitly set   >   what the head set, router or adapter's heads say   >   the option's default
//
// A prompt template of a set belongs to the set's own encoding: it is taken where no other one is asked for.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "engine/options.h"
#include "headwise/head_set.h"
#include "headwise/router.h"
#include "headwise/shipped_adapter.h"

namespace headwise {

// How heads are to be read, in words as files have them; an empty one says nothing.
struct ReadingWords {
  std::string prompt_template, encoding, calibration, token_filter, rows;
  std::string keep_budget;  // of head sets; means nothing but with blocks
};
template <typename T>
ReadingWords reading_of(const T& set_or_router) {
  ReadingWords words{set_or_router.prompt_template, set_or_router.encoding, set_or_router.calibration,
                     set_or_router.token_filter,    set_or_router.rows,     {}};
  if constexpr (requires { set_or_router.keep_budget; }) words.keep_budget = set_or_router.keep_budget;
  return words;
}

// The settings with the reading where nothing is explicitly set. kInvalidInput, with `source`, for a word
// that counts and that the option does not have.
Result<EngineSettings> with_reading(EngineSettings settings, const ReadingWords& reading,
                                    const std::string& source);
// Whether something is explicitly set that the reading says otherwise, or not at all.
bool asks_for_other_reading(const EngineSettings& settings, const ReadingWords& reading);
// Neither a set, a file nor a selection: `heads` is empty or kDefaultHeads.
bool heads_are_default(const EngineSettings& settings);
// The folder of an adapter is named.
bool has_adapter_folder(const EngineSettings& settings);

// A folder, kNoAdapter, or kDefaultAdapter for the one that ships (null: none does). Not explicitly set, it
// is the shipped one where nothing else is asked for: no heads, no router, no reading but its own.
std::string resolve_adapter(const EngineSettings& settings, const ShippedAdapter* shipped);

// What settings name, as it was read from files or the catalogue.
struct NamedParts {
  std::optional<Router> router;
  std::optional<HeadSet> set;  // of `heads`, or beside the adapter's folder
  HeadSelection selection;     // what `heads` spell where they are no set; all
  std::string source;          // of the router or set, for messages: "the head set 'heads.json'"
};
// kUsage: router and heads contradict each other, or heads that are no selection; kNotFound, kInvalidInput.
// Words that no option knows are found here, before a model is loaded.
Result<NamedParts> read_named_parts(const EngineSettings& settings);

// What ships for a model; null: nothing.
struct ShippedParts {
  const HeadSet* heads = nullptr;
  const ShippedAdapter* adapter = nullptr;
};
ShippedParts shipped_parts(std::string_view base_fingerprint);

struct ResolvedSettings {
  EngineSettings settings;       // every choice is set, the heads of a set are spelled out
  RerankerOptions options;       // the same for the Reranker
  const HeadSet* set = nullptr;  // that is read, of `named` or `shipped`; null: none
  bool shipped_heads = false;
};
Result<ResolvedSettings> resolve(const EngineSettings& settings, const NamedParts& named,
                                 const ShippedParts& shipped);

}  // namespace headwise
