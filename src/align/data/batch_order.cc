// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "align/data/batch_order.h"

#include <algorithm>
#include <numeric>
#include <random>
#include <utility>

#include "base/check.h"
#include "base/shuffle.h"

namespace headwise {
namespace {

constexpr int64_t kMostUpdates = 16;

}  // namespace

int64_t length_of(const TrainingBatch& batch) {
  size_t length = 0;
  for (const Passage& passage : batch.passages) length += passage.title.size() + passage.text.size();
  for (const BatchQuery& query : batch.queries) length += query.text.size();
  // Forward and backward are three passes.
  if (batch.frozen > 0.0) length += length / 3;
  return static_cast<int64_t>(length);
}

BatchOrder::BatchOrder(int64_t in_update, int64_t in_round, uint64_t seed,
                       std::function<int64_t(int64_t)> length)
    : in_update_(in_update), seed_(seed), length_(std::move(length)) {
  HW_CHECK(in_update > 0 && in_round > 0);
  updates_ = std::clamp<int64_t>(in_round / in_update, 1, kMostUpdates);
}

int64_t BatchOrder::number(int64_t update, int64_t place) {
  HW_CHECK(update >= 0 && place >= 0 && place < in_update_);
  if (in_update_ == 1) return update;
  if (const int64_t group = update / updates_; group != group_) sort(group);
  return numbers_[static_cast<size_t>(update % updates_ * in_update_ + place)];
}

void BatchOrder::sort(int64_t group) {
  const int64_t count = updates_ * in_update_;
  std::vector<std::pair<int64_t, int64_t>> by_length;
  for (int64_t n = group * count; n < (group + 1) * count; ++n) by_length.emplace_back(length_(n), n);
  std::sort(by_length.begin(), by_length.end());
  std::vector<int64_t> updates(static_cast<size_t>(updates_));
  std::iota(updates.begin(), updates.end(), int64_t{0});
  std::mt19937_64 random(seed_ * 0x9E3779B97F4A7C15ULL + static_cast<uint64_t>(group));
  shuffle(updates, random);
  numbers_.clear();
  for (const int64_t update : updates) {
    for (int64_t place = 0; place < in_update_; ++place) {
      numbers_.push_back(by_length[static_cast<size_t>(update * in_update_ + place)].second);
    }
  }
  group_ = group;
}

}  // namespace headwise
