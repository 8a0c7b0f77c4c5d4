// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: what the engine's front ends share beyond its public header: how a head set or router
// fills settings in, and the settings as JSON.
#pragma once

#include <array>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "headwise/engine.h"
#include "headwise/head_set.h"
#include "rerank/option_words.h"

namespace headwise {

// `heads` for the set that ships.
inline constexpr const char* kDefaultHeads = "default";
// `adapter` for the model as it is, and for the one that ships.
inline constexpr const char* kNoAdapter = "none";
inline constexpr const char* kDefaultAdapter = "default";

inline constexpr std::array<Word<ModelOptions::Weights>, 2> kWeightsWords{
    {{"stored", ModelOptions::Weights::kStored}, {"fp32", ModelOptions::Weights::kFloat32}}};

// How a head set says that its heads are read, wherever no other way is asked for. kInvalidInput, with
// `source`, for a word that we do not know.
Status put_in_way_of_reading(const HeadSet& set, const std::string& source, EngineSettings& settings);
// Whether another way of reading than the set's is asked for.
bool asked_otherwise(const HeadSet& set, const EngineSettings& settings);
// Which adapter the settings mean for the model of this base fingerprint: a folder, kNoAdapter, or
// kDefaultAdapter for the one that ships. Not asked for, it is the shipped one where nobody asks for other
// heads, a router, or another way of reading than it was trained for.
std::string adapter_meant(const EngineSettings& settings, std::string_view base_fingerprint);
// The default in place of each empty word, `heads` and `model` left as they are.
void put_in_defaults(EngineSettings& settings);

// Everything among the settings that can change a score or the order, by the flag's name. Threads, weights
// and full depth cannot (docs/method.md#determinism).
nlohmann::ordered_json options_that_decide(const EngineSettings& settings);

}  // namespace headwise
