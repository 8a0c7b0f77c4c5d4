// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The engine gives, to the last bit, the scores that it gave when the sets were made: every request of
// requests.json, with the instruction set that HEADWISE_ISA names. ctest runs this program once for each set,
// because the choice of instructions is made once a process. HEADWISE_WRITE_SET makes a set. The default
// model must be there (scripts/setup model): without it these tests fail.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <stdexcept>

#include "golden/bits/score_set.h"

namespace headwise::golden {

static void PrintTo(const BitsRequest& request, std::ostream* out) { *out << request.name; }

namespace {
// Where functions round otherwise: rounding seen through every layer.
constexpr double kOtherRounding = 2e-5;
// Shorter prompts are multiplied in another way, which the sets do not hold fast.
constexpr int64_t kLongPrompt = 64;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// The set that the environment asks for.
std::string chosen_set() {
  const std::string set = variable("HEADWISE_ISA");
  if (set != "scalar" && set != "avx2" && set != "avx512") {
    throw std::runtime_error("HEADWISE_ISA is '" + set +
                             "', expected scalar, avx2 or avx512; ctest -R golden_bits sets it");
  }
  return set;
}

bool belongs(const BitsRequest& request, const std::string& set) {
  return std::find(request.sets.begin(), request.sets.end(), set) != request.sets.end();
}

// By every number of threads and both ways of holding weights; throws where their bits differ.
KeptOutcome answered(Answerer& engine, const BitsRequest& request) {
  std::optional<KeptOutcome> first;
  for (const std::string& weights : request.weights) {
    for (const int threads : request.threads) {
      const KeptOutcome found = kept(engine.answer(request, weights, threads));
      if (request.kind != RequestKind::kEmbed && found.tokens <= kLongPrompt) {
        throw std::runtime_error(std::to_string(found.tokens) +
                                 " tokens; requests of the table need more than " +
                                 std::to_string(kLongPrompt));
      }
      if (!first) first = found;
      const std::vector<std::string> lines = differences(*first, found, 0.0);
      if (lines.empty()) continue;
      throw std::runtime_error(weights + " weights and " + std::to_string(threads) + " threads differ from " +
                               request.weights.front() + " and " + std::to_string(request.threads.front()) +
                               ": " + lines.front());
    }
  }
  return *first;
}

std::string listed(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += "\n  " + line;
  return text;
}

std::vector<std::string> differences(const Facts& expected, const Facts& found) {
  std::vector<std::string> lines;
  for (const auto& [name, value] : expected) {
    const auto other = found.find(name);
    const std::string here = other == found.end() ? "nothing" : other->second;
    if (here != value) lines.push_back(name + ": the set has '" + value + "', here it is '" + here + "'");
  }
  return lines;
}

// What all tests of the program share: the set, the loaded models, and how this machine rounds.
struct Shared {
  std::string name = chosen_set();
  ScoreSet set = read_score_set(bits_folder() / (name + ".json"));
  Answerer engine;
  std::vector<std::string> other_machine;
  std::vector<std::string> other_rounding;
};

Shared& shared() {
  static Shared* const made = [] {
    auto* state = new Shared;
    state->other_machine = differences(state->set.machine, machine());
    state->other_rounding = differences(state->set.arithmetic, arithmetic());
    return state;
  }();
  return *made;
}

class GoldenBits : public ::testing::TestWithParam<BitsRequest> {
 protected:
  void SetUp() override {
    std::string missing;
    const std::string set = chosen_set();
    if (!runs_here(set, missing)) GTEST_SKIP() << "hardware: this processor has no " << missing;
    if (!belongs(GetParam(), set)) GTEST_FAIL() << "not asked with " << set;
  }
};

TEST_P(GoldenBits, AreThoseOfTheSet) {
  const BitsRequest& request = GetParam();
  const auto expected = shared().set.outcomes.find(request.name);
  ASSERT_NE(expected, shared().set.outcomes.end()) << "the set has no such request; make the set anew";
  const double tolerance = shared().other_rounding.empty() ? 0.0 : kOtherRounding;
  const std::vector<std::string> lines =
      differences(expected->second, answered(shared().engine, request), tolerance);
  if (!lines.empty()) ADD_FAILURE() << request.name << " is not what it was:" << listed(lines);
}

// Fails where the machine is the one of the set and yet rounds otherwise: then bits can no longer be
// compared, and nobody would notice.
TEST(GoldenBitsMachine, RoundsAsTheSetsDid) {
  std::string missing;
  if (!runs_here(chosen_set(), missing)) GTEST_SKIP() << "hardware: this processor has no " << missing;
  if (shared().other_rounding.empty()) return;
  std::printf(
      "This machine rounds otherwise than the one of the set, so scores are compared to %g of the largest, "
      "not to the bit:%s\n",
      kOtherRounding, listed(shared().other_rounding).c_str());
  const bool same_compiler = shared().set.arithmetic.at("compiler") == arithmetic().at("compiler");
  if (shared().other_machine.empty() && same_compiler) {
    ADD_FAILURE() << "the machine and the compiler are those of the set, and yet they round otherwise";
  }
}

std::vector<BitsRequest> requests_of_this_set() {
  const std::string set = variable("HEADWISE_ISA");
  std::vector<BitsRequest> requests = read_requests();
  std::erase_if(requests, [&](const BitsRequest& request) { return !belongs(request, set); });
  return requests;
}

INSTANTIATE_TEST_SUITE_P(Table, GoldenBits, ::testing::ValuesIn(requests_of_this_set()), [](const auto& row) {
  std::string text = row.param.name;
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
  return text;
});

void write(const std::string& file) {
  const std::string name = chosen_set();
  ScoreSet set;
  Answerer engine;
  for (const BitsRequest& request : read_requests()) {
    if (!belongs(request, name)) continue;
    set.outcomes[request.name] = answered(engine, request);
    std::printf("%s: %s, %lld tokens\n", name.c_str(), request.name.c_str(),
                static_cast<long long>(set.outcomes[request.name].tokens));
  }
  set.machine = machine();
  set.arithmetic = arithmetic();
  write_score_set(set, file);
}

}  // namespace
}  // namespace headwise::golden

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  if (const std::string file = headwise::golden::variable("HEADWISE_WRITE_SET"); !file.empty()) {
    try {
      headwise::golden::write(file);
      return 0;
    } catch (const std::exception& error) {
      std::fprintf(stderr, "%s\n", error.what());
      return 1;
    }
  }
  return RUN_ALL_TESTS();
}
