// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the table of options, a row each. Flags, settings files, variables, fields of requests,
// Python's keywords, the headers of runs and docs/options.md are read off it. A new option is a row, and a
// member of EngineSettings; a new type of value is a specialisation in engine/option_values.h.
#pragma once

#include <cstdint>
#include <limits>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "headwise/engine.h"
#include "headwise/error.h"

namespace headwise {

// `heads` for the set that ships.
inline constexpr const char* kDefaultHeads = "default";
// `adapter` for the model as it is, and for the one that ships.
inline constexpr const char* kNoAdapter = "none";
inline constexpr const char* kDefaultAdapter = "default";

struct Option;

enum class OptionKind { kText, kPath, kWord, kNumber, kNumberOrWord, kInteger, kSize, kFlag };

// How values of one member of EngineSettings are read and written. All but `read` are for a member that is
// set or, where they say so, not.
struct OptionValue {
  OptionKind kind;
  const char* type;                     // as --help says it where there are no words: "INT"
  std::vector<std::string> (*words)();  // what a value may be; null: no list
  Status (*read)(const Option& option, std::string_view text, EngineSettings& settings);
  std::string (*write)(const EngineSettings& settings);  // empty: not set
  nlohmann::ordered_json (*json)(const EngineSettings& settings);
  void (*apply)(const EngineSettings& settings, RerankerOptions& options);  // null: not the Reranker's own
};

// What of an option stands in the headers of runs: whatever can change a score or the order.
enum class Decides {
  kNothing,
  kValue,
  kContent,          // of the file, where one is given
  kValueAndContent,  // where the value is a file's name
  kChangedValue,     // one that is not the default: of options that are younger than runs that go on
};

// For options that a client of the server may set.
struct ClientRule {
  const char* field = nullptr;                         // in a request's body; null: the name with underscores
  std::vector<std::string> (*words)() = nullptr;       // instead of the option's own: a client opens no file
  int64_t most = std::numeric_limits<int32_t>::max();  // numbers above count as this
  const char* about = nullptr;                         // in the description of the interface
};

struct Option {
  std::string_view name;  // "max-words": --max-words, HEADWISE_MAX_WORDS, max_words= in Python
  const char* group;      // of --help; null: verbs that have a use for it place it themselves
  OptionValue value;
  const char* fallback = "";                             // what holds where nobody asks, as text
  uint64_t most = std::numeric_limits<uint64_t>::max();  // kInteger: 0 to this
  const char* expected = "";                             // in messages, where kind and words do not tell
  Decides decides = Decides::kNothing;
  bool per_call = false;  // each call in Python says it, not the Reranker
  std::optional<ClientRule> client{};
  const char* help = "";
};

std::span<const Option> options();
// Null for a name that is none. Names are the flags', without dashes in front.
const Option* find_option(std::string_view name);
// "max_words": the keyword in Python.
std::string keyword(const Option& option);
// "max_tokens_per_doc": in the body of a request, for options that a client may set.
std::string client_field(const Option& option);

// The settings with each option's default where nothing is asked for.
EngineSettings with_defaults(EngineSettings settings);
// Of settings in which every choice is set; the heads are the Reranker's own affair.
RerankerOptions to_reranker_options(const EngineSettings& settings, HeadSelection heads);

// Everything among the settings that can change a score or the order, by name; `head_weights` belong to the
// heads. Threads, weights and full depth cannot (docs/method.md#determinism).
nlohmann::ordered_json options_that_decide(const EngineSettings& settings,
                                           std::span<const double> head_weights = {});

}  // namespace headwise
