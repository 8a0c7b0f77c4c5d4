// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "decoder/cpu/routed_mlp.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/kernels.h"
#include "model/tensor_roles.h"

namespace headwise {
namespace {

// Seats [first, first + count) of an expert.
struct SeatRun {
  int64_t expert;
  int64_t first;
  int64_t count;
};

}  // namespace

void RoutedMlp::begin(const LayerSpec& spec) {
  spec_ = &spec;
  RoutedRows& routed = tools_.scratch.routed;
  const int64_t C = tools_.weights.config.width;
  const int64_t rows = tools_.scratch.rows;
  const auto seats = static_cast<size_t>(rows * spec.experts_used);
  routed.input_TC.reserve(static_cast<size_t>(rows * C));
  routed.seats.reserve(seats * static_cast<size_t>(C));
  routed.expert_of.resize(seats);
  routed.share_of.resize(seats);
  routed.seat_of.resize(seats);
  routed.row_of.resize(seats);
}

float* RoutedMlp::input_of(const RowTile& tile) const {
  return tools_.scratch.routed.input_TC.data() + tile.begin * tools_.weights.config.width;
}

void RoutedMlp::choose(const float* x, const RowTile& tile, WorkerScratch& worker) {
  float* logits = worker.projected.data();
  products_.multiply_whole(x, tile, LayerTensor::kRouter, logits, worker);
  for (int64_t row = 0; row < tile.rows; ++row) choose_row(logits + row * spec_->experts, tile.begin + row);
  float* input = input_of(tile);
  if (x != input) std::copy_n(x, tile.rows * tools_.weights.config.width, input);
}

void RoutedMlp::choose_row(const float* logits, int64_t row) {
  const int64_t used = spec_->experts_used;
  int32_t* chosen = tools_.scratch.routed.expert_of.data() + row * used;
  for (int64_t i = 0; i < used; ++i) {
    int32_t best = -1;
    for (int32_t expert = 0; expert < spec_->experts; ++expert) {
      if (std::find(chosen, chosen + i, expert) != chosen + i) continue;
      if (best < 0 || logits[expert] > logits[best]) best = expert;
    }
    chosen[i] = best;
  }
  const double largest = logits[chosen[0]];
  const auto part = [&](int32_t expert) { return std::exp(static_cast<double>(logits[expert]) - largest); };
  std::sort(chosen, chosen + used);
  double all = 0.0;
  if (spec_->shares_of_used) {
    for (int64_t i = 0; i < used; ++i) all += part(chosen[i]);
  } else {
    for (int32_t expert = 0; expert < spec_->experts; ++expert) all += part(expert);
  }
  float* shares = tools_.scratch.routed.share_of.data() + row * used;
  for (int64_t i = 0; i < used; ++i) shares[i] = static_cast<float>(part(chosen[i]) / all);
}

void RoutedMlp::take_seats() {
  RoutedRows& routed = tools_.scratch.routed;
  std::vector<int64_t>& first = routed.first_seat;
  first.assign(static_cast<size_t>(spec_->experts + 1), 0);
  for (const int32_t expert : routed.expert_of) ++first[static_cast<size_t>(expert) + 1];
  for (size_t expert = 1; expert < first.size(); ++expert) first[expert] += first[expert - 1];
  std::vector<int64_t> next(first.begin(), first.end() - 1);
  for (size_t i = 0; i < routed.expert_of.size(); ++i) {
    const int64_t seat = next[static_cast<size_t>(routed.expert_of[i])]++;
    routed.seat_of[i] = static_cast<int32_t>(seat);
    routed.row_of[static_cast<size_t>(seat)] =
        static_cast<int32_t>(i / static_cast<size_t>(spec_->experts_used));
  }
}

void RoutedMlp::run() {
  take_seats();
  const RoutedRows& routed = tools_.scratch.routed;
  const int64_t most = products_.rows_of_a_call();
  std::vector<SeatRun> runs;
  for (int64_t expert = 0; expert < spec_->experts; ++expert) {
    const int64_t end = routed.first_seat[static_cast<size_t>(expert) + 1];
    for (int64_t first = routed.first_seat[static_cast<size_t>(expert)]; first < end;) {
      const int64_t count = std::min(most, end - first);
      runs.push_back({expert, first, count});
      first += count;
    }
  }
  // The longest first: the short ones fill the threads' last gaps.
  std::stable_sort(runs.begin(), runs.end(),
                   [](const SeatRun& one, const SeatRun& other) { return one.count > other.count; });
  const int64_t C = tools_.weights.config.width;
  tools_.pool.parallel_for(static_cast<int64_t>(runs.size()), [&](int64_t i, int w) {
    const SeatRun& run = runs[static_cast<size_t>(i)];
    float* rows = tools_.scratch.routed.seats.data() + run.first * C;
    for (int64_t seat = 0; seat < run.count; ++seat) {
      const int64_t row = routed.row_of[static_cast<size_t>(run.first + seat)];
      std::copy_n(routed.input_TC.data() + row * C, C, rows + seat * C);
    }
    products_.pass_expert(run.expert, rows, run.count, spec_->activation,
                          tools_.scratch.workers[static_cast<size_t>(w)]);
  });
}

void RoutedMlp::sum(const RowTile& tile, float* out) const {
  const RoutedRows& routed = tools_.scratch.routed;
  const int64_t C = tools_.weights.config.width;
  const int64_t used = spec_->experts_used;
  for (int64_t row = 0; row < tile.rows; ++row, out += C) {
    std::fill_n(out, C, 0.0f);
    for (int64_t i = (tile.begin + row) * used; i < (tile.begin + row + 1) * used; ++i) {
      const auto place = static_cast<size_t>(i);
      tools_.ops.add_scaled(out, routed.seats.data() + routed.seat_of[place] * C, routed.share_of[place], C);
    }
  }
}

}  // namespace headwise
