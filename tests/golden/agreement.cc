// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "golden/agreement.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "rerank/scoring.h"
#include "support/paths.h"
#include "support/tolerance.h"

namespace headwise::golden {
namespace {

double score_tolerance() { return tolerance("cpu", "fp32").score; }

struct RowSet {
  QueryRows rows;
  const char* name;
};
constexpr RowSet kRowSets[] = {{QueryRows::kAll, "all"},
                               {QueryRows::kInstructionAndQuery, "instruction_and_query"},
                               {QueryRows::kQuery, "query"}};

// Largest differences by channel, measured as the fixtures' README says.
struct Differences {
  double score = 0.0;
  double calibrated = 0.0;
  double filtered = 0.0;
  double ratio = 0.0;
  int64_t filtered_compared = 0;
};

Differences compare(const std::vector<float>& plain, const std::vector<float>& filtered,
                    const Array& expected, const Array& slack) {
  Differences worst;
  const size_t channel = slack.values.size();
  const auto larger = [](double& slot, double value) {
    slot = std::max(slot, std::isnan(value) ? INFINITY : value);
  };
  for (size_t i = 0; i < channel; ++i) {
    const double query = expected.values[i];
    const double empty = expected.values[channel + i];
    const auto difference = [&](const std::vector<float>& ours, size_t our_channel, size_t their_channel) {
      return std::abs(static_cast<double>(ours[our_channel * channel + i]) -
                      static_cast<double>(expected.values[their_channel * channel + i]));
    };
    // Beyond a layer's window a passage gets nothing, exactly: then nothing may differ.
    const auto share = [](double value, double of) { return value == 0.0 ? 0.0 : value / of; };
    larger(worst.score, share(difference(plain, 0, 0), query));
    larger(worst.score, share(difference(plain, 1, 1), empty));
    larger(worst.calibrated, share(difference(plain, 2, 2), query + empty));
    const double ratio = log_ratio(plain[i], plain[channel + i]);
    larger(worst.ratio, std::abs(ratio - static_cast<double>(expected.values[4 * channel + i])));
    if (slack.values[i] < score_tolerance()) continue;
    larger(worst.filtered, share(difference(filtered, 2, 3), query + empty));
    ++worst.filtered_compared;
  }
  return worst;
}

void expect_hidden(const Fixture& fixture, int64_t width, const PassResult& pass) {
  const Array expected = fixture.array("hidden");
  const auto layers = fixture.json["hidden_layers"].get<std::vector<int64_t>>();
  const auto tokens = fixture.json["hidden_tokens"].get<std::vector<int64_t>>();
  for (size_t l = 0; l < layers.size(); ++l) {
    for (size_t t = 0; t < tokens.size(); ++t) {
      // The layout keeps the query prompt's order of tokens; only the content-free query is added behind it.
      const float* ours = pass.hidden[static_cast<size_t>(layers[l])].data() + tokens[t] * width;
      const float* theirs = expected.values.data() + (l * tokens.size() + t) * static_cast<size_t>(width);
      double difference = 0.0;
      double norm = 0.0;
      for (int64_t c = 0; c < width; ++c) {
        difference += std::pow(static_cast<double>(ours[c]) - theirs[c], 2);
        norm += std::pow(static_cast<double>(theirs[c]), 2);
      }
      EXPECT_LT(std::sqrt(difference / norm), tolerance("cpu", "fp32").hidden)
          << fixture.stem << " layer " << layers[l] << " token " << tokens[t];
    }
  }
}

}  // namespace

void expect_agreement(const Fixture& fixture, const std::shared_ptr<const ModelWeights>& weights) {
  for (const RowSet& set : kRowSets) {
    SCOPED_TRACE(fixture.stem + " " + set.name);
    const Array expected = fixture.array(std::string(set.name) + ".scores");
    const Array slack = fixture.array(std::string(set.name) + ".filter_slack");
    const BuiltPrompt prompt = fixture.prompt(set.rows);
    PassOptions options;
    options.threads = 2;
    options.hidden = set.rows == QueryRows::kAll;
    const PassResult pass = run_pass(weights, prompt, options);
    if (options.hidden) expect_hidden(fixture, weights->config.width, pass);
    ASSERT_EQ(pass.values.size(), 3 * slack.values.size());
    const Differences worst = compare(pass.unfiltered, pass.values, expected, slack);
    EXPECT_LT(worst.score, score_tolerance());
    EXPECT_LT(worst.calibrated, score_tolerance());
    EXPECT_LT(worst.filtered, score_tolerance());
    EXPECT_LT(worst.ratio, score_tolerance());
    EXPECT_GT(worst.filtered_compared, static_cast<int64_t>(slack.values.size() / 2));
    ::testing::Test::RecordProperty(fixture.stem + "_" + set.name, std::to_string(worst.score));
    std::printf("  %s %s: s %.1e  na %.1e  na+filter %.1e  ratio %.1e\n", fixture.stem.c_str(), set.name,
                worst.score, worst.calibrated, worst.filtered, worst.ratio);
  }
}

double largest_difference(const Fixture& fixture, const std::shared_ptr<const ModelWeights>& weights) {
  PassOptions options;
  options.threads = 2;
  const PassResult pass = run_pass(weights, fixture.prompt(QueryRows::kAll), options);
  return compare(pass.unfiltered, pass.values, fixture.array("all.scores"), fixture.array("all.filter_slack"))
      .score;
}

std::vector<Fixture> fixtures_of(const std::string& name) {
  const std::filesystem::path folder = golden_folder() / "fixtures" / name;
  std::vector<Fixture> fixtures{Fixture::open(folder, "list"), Fixture::open(folder, "blocks")};
  if (name == "tiny-llama") fixtures.push_back(Fixture::open(folder, "blocks_span"));
  return fixtures;
}

std::filesystem::path golden_folder() { return test_data() / "golden"; }

void expect_same_bits(const Fixture& fixture, const std::filesystem::path& model) {
  SCOPED_TRACE(model.filename().string() + " " + fixture.stem);
  const auto stored = open_weights(model);
  const auto expanded = open_weights(model, {ModelOptions::Weights::kFloat32});
  const auto layers = static_cast<int>(stored->config.layers);
  const BuiltPrompt prompt = fixture.prompt(QueryRows::kAll);
  PassOptions options;
  options.heads = {{layers / 2, 1}, {0, 3}, {layers / 2, 0}, {layers / 3, 2}};
  const std::vector<float> reference = run_pass(stored, prompt, options).values;
  for (int threads : {1, 2, 3}) {
    options.threads = threads;
    options.full_depth = threads == 2;
    EXPECT_EQ(run_pass(threads == 3 ? expanded : stored, prompt, options).values, reference) << threads;
  }
  // A head's scores do not depend on which other heads are read.
  options.heads = {{layers / 3, 2}};
  options.full_depth = false;
  const std::vector<float> alone = run_pass(expanded, prompt, options).values;
  const size_t passages = prompt.spans.size();
  for (size_t channel = 0; channel < 3; ++channel) {
    for (size_t d = 0; d < passages; ++d) {
      EXPECT_EQ(alone[channel * passages + d], reference[(channel * 4 + 3) * passages + d]);
    }
  }
}

}  // namespace headwise::golden
