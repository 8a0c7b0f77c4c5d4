// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: judged requests that relevance is fitted to, and their file: a first line that says
// which heads of which model were read and how, then a line a request (docs/formats.md#relevance-samples).
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "headwise/error.h"
#include "headwise/head_set.h"
#include "headwise/relevance.h"

namespace headwise {

// One request: passages of one question, judged.
struct JudgedRequest {
  std::string query;  // id; questions are never split between fit and test
  RequestFacts facts;
  std::vector<std::string> ids;  // of the passages, by place; empty where the file does not say them
  std::vector<double> scores;    // S, by place
  std::vector<bool> relevant;
};

struct RelevanceSamples {
  std::string model;  // fingerprint
  std::string base;   // that of the model without its adapter
  std::vector<HeadId> heads;
  std::vector<double> weights;
  std::string data;  // "dl21"
  std::vector<JudgedRequest> requests;
};

std::string sample_header(const RelevanceSamples& samples);
std::string sample_line(const JudgedRequest& request);
// kNotFound, kInvalidInput (names file and line).
Result<RelevanceSamples> read_relevance_samples(const std::filesystem::path& path);
// kUsage, naming both, when the samples are of another model or other heads than the set.
Status check_samples(const RelevanceSamples& samples, const HeadSet& set);

}  // namespace headwise
