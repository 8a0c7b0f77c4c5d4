// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Which experts rows use, with what shares, in what order they add up: with products that are made up, so
// that each sum can be told.
#include "decoder/cpu/routed_mlp.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <mutex>
#include <span>
#include <vector>

#include "base/threads.h"
#include "kernels/kernels.h"
#include "model/weights.h"

namespace headwise {
namespace {

using testing::ElementsAre;
using testing::Pair;

constexpr int64_t kExperts = 4;
constexpr int64_t kWidth = 2;

// The router's logits are given; expert e makes 100^e of the first number of a row, and notes its rows.
class MadeUpProducts final : public LayerProducts {
 public:
  MadeUpProducts(std::vector<std::vector<float>> logits, int64_t rows_of_a_call)
      : logits_(std::move(logits)), rows_of_a_call_(rows_of_a_call) {}

  void begin_layer(int, const LayerDemand&) override {}
  const LayerVectors& vectors() const override { return vectors_; }
  void for_each_tile(const std::function<void(const RowTile&, WorkerScratch&)>&) override {}
  void multiply(const float*, const RowTile&, std::span<const Product>, WorkerScratch&,
                const FinishRows&) override {}
  void add_product(const float*, const RowTile&, LayerTensor, float*, WorkerScratch&) override {}
  void multiply_gated(const float*, const RowTile&, Activation, float*, WorkerScratch&) override {}
  void multiply_whole(const float*, const RowTile& tile, LayerTensor matrix, float* out,
                      WorkerScratch&) override {
    EXPECT_EQ(matrix, LayerTensor::kRouter);
    for (int64_t row = tile.begin; row < tile.begin + tile.rows; ++row) {
      out =
          std::copy(logits_[static_cast<size_t>(row)].begin(), logits_[static_cast<size_t>(row)].end(), out);
    }
  }
  void pass_expert(int64_t expert, float* x, int64_t rows, Activation, WorkerScratch&) override {
    const std::lock_guard lock(mutex_);
    EXPECT_LE(rows, rows_of_a_call_);
    for (int64_t row = 0; row < rows; ++row, x += kWidth) {
      rows_of_[expert].push_back(x[0]);
      std::fill_n(x, kWidth, static_cast<float>(std::pow(100.0, expert)) * x[0]);
    }
  }
  int64_t rows_of_a_call() const override { return rows_of_a_call_; }

  std::map<int64_t, std::vector<float>> rows_of_;  // by expert: the first numbers of its rows

 private:
  std::vector<std::vector<float>> logits_;
  int64_t rows_of_a_call_;
  LayerVectors vectors_;
  std::mutex mutex_;
};

struct Outcome {
  std::map<int64_t, std::vector<float>> rows_of;
  std::vector<float> sums;  // of each row: its first number
};

// Row r enters as r + 1.
Outcome run(const std::vector<std::vector<float>>& logits, int64_t used, bool shares_of_used, int threads = 1,
            int64_t rows_of_a_call = INT64_MAX) {
  ModelWeights weights;
  weights.config.width = kWidth;
  LayerSpec spec;
  spec.experts = kExperts;
  spec.experts_used = used;
  spec.shares_of_used = shares_of_used;
  ThreadPool pool(threads);
  const PassPlan plan;
  PassScratch scratch;
  scratch.workers.resize(static_cast<size_t>(threads));
  scratch.rows = static_cast<int64_t>(logits.size());
  WorkerScratch& worker = scratch.workers.front();
  worker.projected.reserve(kernels::kRowTile * kExperts);
  const ProductTools tools{weights, kernels::kernels_or_definition(), pool, plan, scratch};
  MadeUpProducts products(logits, rows_of_a_call);
  RoutedMlp mlp(tools, products);
  mlp.begin(spec);
  // One tile writes to the memory that is there for it, one has its own.
  std::vector<float> own(kWidth);
  for (int64_t row = 0; row < scratch.rows; ++row) {
    const RowTile tile{row, 1, false};
    float* x = mlp.input_of(tile);
    if (row % 2 == 1) x = own.data();
    std::fill_n(x, kWidth, static_cast<float>(row + 1));
    mlp.choose(x, tile, worker);
  }
  mlp.run();
  Outcome outcome;
  std::vector<float> out(kWidth);
  for (int64_t row = 0; row < scratch.rows; ++row) {
    mlp.sum({row, 1, false}, out.data());
    EXPECT_TRUE(out[0] == out[1] || std::isnan(out[0]));
    outcome.sums.push_back(out[0]);
  }
  outcome.rows_of = products.rows_of_;
  return outcome;
}

TEST(RoutedMlp, RowsGoToTheExpertsOfTheLargestLogits) {
  const Outcome outcome = run({{0, 3, 1, 2}, {5, -1, 4, 0}, {0, 1, 0, 9}}, 2, true);
  EXPECT_THAT(outcome.rows_of, ElementsAre(Pair(0, ElementsAre(2)), Pair(1, ElementsAre(1, 3)),
                                           Pair(2, ElementsAre(2)), Pair(3, ElementsAre(1, 3))));
}

TEST(RoutedMlp, SharesAreOfAllExpertsOrOfTheUsedOnes) {
  const std::vector<std::vector<float>> logits{
      {std::log(1.0f), std::log(5.0f), std::log(3.0f), std::log(1.0f)}};
  EXPECT_NEAR(run(logits, 2, false).sums[0], 0.5 * 100 + 0.3 * 10000, 1e-3);
  EXPECT_NEAR(run(logits, 2, true).sums[0], 5.0 / 8 * 100 + 3.0 / 8 * 10000, 1e-3);
  EXPECT_NEAR(run(logits, 4, true).sums[0], 0.1 + 50 + 3000 + 100000, 1e-2);
}

TEST(RoutedMlp, OfEqualLogitsTheFirstExpertsWin) {
  const Outcome outcome = run({{1, 2, 2, 2}, {7, 7, 7, 7}, {2, 1, 1, 1}}, 2, true);
  EXPECT_THAT(outcome.rows_of, ElementsAre(Pair(0, ElementsAre(2, 3)), Pair(1, ElementsAre(1, 2, 3)),
                                           Pair(2, ElementsAre(1))));
}

TEST(RoutedMlp, LogitsThatAreNoNumbersEndInSumsThatAreNone) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float inf = std::numeric_limits<float>::infinity();
  const Outcome outcome = run({{nan, nan, nan, nan}, {0, nan, 1, 2}, {inf, 0, inf, 1}}, 2, true);
  EXPECT_TRUE(std::isnan(outcome.sums[0]));
  EXPECT_TRUE(std::isnan(outcome.sums[2]));
}

TEST(RoutedMlp, TheSameBitsHoweverTheWorkIsCut) {
  std::vector<std::vector<float>> logits;
  for (int row = 0; row < 300; ++row) {
    std::vector<float>& of_row = logits.emplace_back();
    for (int expert = 0; expert < kExperts; ++expert) {
      of_row.push_back(std::sin(static_cast<float>(row * kExperts + expert) * 1.7f));
    }
  }
  const Outcome whole = run(logits, 3, false);
  EXPECT_EQ(run(logits, 3, false, 3, 64).sums, whole.sums);
  // A row by itself.
  for (const size_t row : {size_t{0}, size_t{17}, size_t{299}}) {
    const Outcome alone = run({logits[row]}, 3, false);
    EXPECT_FLOAT_EQ(alone.sums[0] * static_cast<float>(row + 1), whole.sums[row]);
  }
}

}  // namespace
}  // namespace headwise
