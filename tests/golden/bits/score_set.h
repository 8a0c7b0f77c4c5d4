// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// A set: what every request of the table gave with one instruction set, to the bit, and on what machine.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "golden/bits/arithmetic.h"
#include "golden/bits/outcome.h"

namespace headwise::golden {

// A list of numbers: the hash of all, and some of them, evenly spaced (all where there are few).
struct KeptNumbers {
  size_t count = 0;
  std::string hash;
  std::vector<double> some;
};

struct KeptOutcome {
  int64_t tokens = 0;
  std::map<std::string, KeptNumbers> numbers;
};

KeptOutcome kept(const Outcome& outcome);

struct ScoreSet {
  Facts machine;
  Facts arithmetic;
  std::map<std::string, KeptOutcome> outcomes;  // by the request's name
};

ScoreSet read_score_set(const std::filesystem::path& file);
void write_score_set(const ScoreSet& set, const std::filesystem::path& file);

// What differs, one line each; empty where nothing does. With `tolerance` 0 every bit counts; otherwise the
// kept numbers may differ by that part of the largest of their list.
std::vector<std::string> differences(const KeptOutcome& expected, const KeptOutcome& found, double tolerance);

}  // namespace headwise::golden
