// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Precisions against fp32 on one prompt, and what none may change: bits at any number of threads, depth, form
// of the weights and number of rows beside a row.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "decoder/create.h"
#include "golden/agreement.h"
#include "kernels/linear.h"
#include "model/layer_spec.h"
#include "support/tolerance.h"

namespace headwise::golden {
namespace {

using kernels::LinearType;

constexpr std::pair<Precision, LinearType> kReduced[] = {{Precision::kBfloat16, LinearType::kBfloat16},
                                                         {Precision::kInt8, LinearType::kInt8}};

double norm(const float* x, int64_t count) {
  double sum = 0.0;
  for (int64_t i = 0; i < count; ++i) sum += static_cast<double>(x[i]) * x[i];
  return std::sqrt(sum);
}

// Distances of tokens' vectors after each layer, relative to their norms.
std::vector<double> hidden_distances(const PassResult& one, const PassResult& exact, int64_t width) {
  std::vector<double> distances;
  for (size_t layer = 0; layer < exact.hidden.size(); ++layer) {
    const std::vector<float>& expected = exact.hidden[layer];
    std::vector<float> difference = one.hidden[layer];
    for (size_t i = 0; i < difference.size(); ++i) difference[i] -= expected[i];
    for (size_t at = 0; at < difference.size(); at += static_cast<size_t>(width)) {
      distances.push_back(norm(difference.data() + at, width) / norm(expected.data() + at, width));
    }
  }
  return distances;
}

// Where two experts are almost equal, the smaller numbers may choose the other one, and the row makes a step:
// then few rows may be further away than rounding takes them.
constexpr double kRowsOfOtherExperts = 0.03;

void expect_near(const std::vector<double>& distances, double allowed, bool routed) {
  const double worst = *std::max_element(distances.begin(), distances.end());
  const auto beyond =
      std::count_if(distances.begin(), distances.end(), [&](double d) { return d > allowed; });
  EXPECT_LE(static_cast<double>(beyond),
            routed ? kRowsOfOtherExperts * static_cast<double>(distances.size()) : 0.0)
      << "the worst of " << distances.size() << " is at " << worst;
  EXPECT_GT(worst, 0.0) << "it computes fp32";
}

// Largest distance of a passage's attention, relative to the most that the head pays to one.
double score_distance(const PassResult& one, const PassResult& exact, size_t passages) {
  double worst = 0.0;
  const size_t raw = exact.values.size() / 3 * 2;  // of the query, of the content-free query
  for (size_t head = 0; head < raw; head += passages) {
    const float most = *std::max_element(&exact.values[head], &exact.values[head] + passages);
    for (size_t i = head; i < head + passages; ++i) {
      worst = std::max(worst, std::abs(double{one.values[i]} - exact.values[i]) / most);
    }
  }
  return worst;
}

}  // namespace

void expect_precisions(const Fixture& fixture, const std::filesystem::path& model) {
  SCOPED_TRACE(model.filename().string() + " " + fixture.stem);
  const BuiltPrompt prompt = fixture.prompt(QueryRows::kAll);
  const auto weights = open_weights(model);
  const std::vector<LayerSpec>& layers = weights->spec.layers;
  const bool routed =
      std::any_of(layers.begin(), layers.end(), [](const LayerSpec& layer) { return layer.routed(); });
  PassOptions options{.heads = {}, .threads = 2, .full_depth = true, .hidden = true};
  const PassResult exact = run_pass(weights, prompt, options);
  const kernels::KernelTable& table = **kernels::select_kernels();
  for (const auto& [precision, type] : kReduced) {
    const auto reduced = open_weights(model, {.precision = precision});
    const auto decoder = create_decoder(reduced, {});
    ASSERT_EQ(decoder.has_value(), kernels::has_products(table, type));
    if (!decoder) continue;
    const std::string word = (*decoder)->describe().precision;
    EXPECT_EQ(word, type == LinearType::kInt8 ? "int8" : "bf16");
    const Tolerance& allowed = tolerance("cpu", word);
    options.hidden = true;
    options.full_depth = true;
    options.threads = 1;
    const PassResult found = run_pass(reduced, prompt, options);
    const double scores = score_distance(found, exact, prompt.spans.size());
    {
      SCOPED_TRACE(word);
      expect_near(hidden_distances(found, exact, weights->config.width), allowed.hidden, routed);
    }
    EXPECT_LE(scores, allowed.score) << word;
    options.hidden = false;
    options.full_depth = false;
    const auto expanded =
        open_weights(model, {.weights = ModelOptions::Weights::kFloat32, .precision = precision});
    for (const int threads : {1, 2, 3}) {
      options.threads = threads;
      EXPECT_EQ(run_pass(threads == 3 ? expanded : reduced, prompt, options).values, found.values)
          << word << " " << threads << " threads";
    }
  }
}

}  // namespace headwise::golden
