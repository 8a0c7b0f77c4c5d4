// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The two ways of multiplying against each other, and what neither may change: bits at any number of threads,
// in a longer prompt, with keys and values that an earlier pass kept.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "decoder/create.h"
#include "golden/agreement.h"
#include "kernels/linear.h"
#include "support/tolerance.h"

namespace headwise::golden {
namespace {

using Hidden = std::vector<std::vector<float>>;  // by layer
using Kept = std::shared_ptr<const KeptSegment>;

constexpr int64_t kLong = 2 * kernels::kRowTile + 5;
constexpr int64_t kLead = 3;

class Passes {
 public:
  explicit Passes(const std::filesystem::path& model)
      : stored(open_weights(model, {.weights = ModelOptions::Weights::kStored})),
        expanded(open_weights(model, {.weights = ModelOptions::Weights::kFloat32})) {}

  int64_t width() const { return stored->config.width; }

  // Tokens [0, lead) as one segment, the rest as another that sees it; the first one given, where it was
  // kept.
  std::pair<Hidden, Kept> run(Decoder& decoder, LinearChoice linear, int64_t lead, int64_t tokens,
                              const Kept& kept) const {
    PromptLayout layout;
    if (lead > 0) layout.add_segment(ids(0, lead), 0, {});
    layout.add_segment(ids(lead, tokens), lead, lead > 0 ? std::vector<int>{0} : std::vector<int>{});
    const GivenSegment given{0, kept};
    const int keep = 0;
    DecodeRequest request;
    request.prompt = &layout;
    request.linear = linear;
    if (kept) {
      request.given = {&given, 1};
    } else {
      request.keep = {&keep, 1};
    }
    const int64_t values = (tokens - (kept ? lead : 0)) * width();
    Hidden hidden;
    request.on_hidden = [&](int, const float* rows) { hidden.emplace_back(rows, rows + values); };
    auto done = decoder.run(request);
    EXPECT_TRUE(done);
    return {std::move(hidden), kept ? nullptr : done->kept.front()};
  }

  Hidden whole_prompt(const std::shared_ptr<const ModelWeights>& weights, LinearChoice linear, int threads,
                      int64_t tokens) const {
    auto decoder = create_decoder(weights, {.threads = threads});
    EXPECT_TRUE(decoder);
    return run(**decoder, linear, 0, tokens, nullptr).first;
  }

  std::shared_ptr<const ModelWeights> stored;
  std::shared_ptr<const ModelWeights> expanded;

 private:
  std::vector<int32_t> ids(int64_t first, int64_t end) const {
    std::vector<int32_t> made;
    for (int64_t i = first; i < end; ++i) {
      made.push_back(static_cast<int32_t>((7 * i + 11) % stored->config.vocabulary));
    }
    return made;
  }
};

// Values from `first` on of `whole` and those of `part`, measured against a layer's largest value.
void expect_close(const Hidden& part, const Hidden& whole, int64_t first) {
  ASSERT_EQ(part.size(), whole.size());
  for (size_t layer = 0; layer < part.size(); ++layer) {
    double largest = 0.0;
    double worst = 0.0;
    for (size_t i = 0; i < part[layer].size(); ++i) {
      const double expected = whole[layer][static_cast<size_t>(first) + i];
      largest = std::max(largest, std::abs(expected));
      worst = std::max(worst, std::abs(part[layer][i] - expected));
    }
    EXPECT_LE(worst, tolerance("cpu", "fp32").way * largest) << "layer " << layer;
  }
}

void expect_same(const Hidden& part, const Hidden& whole, int64_t first) {
  ASSERT_EQ(part.size(), whole.size());
  for (size_t layer = 0; layer < part.size(); ++layer) {
    EXPECT_TRUE(std::equal(part[layer].begin(), part[layer].end(), whole[layer].begin() + first)) << layer;
  }
}

void expect_prompt_agrees(const Passes& passes, const Hidden& whole, int64_t tokens) {
  SCOPED_TRACE(std::to_string(tokens) + " tokens");
  const Hidden few = passes.whole_prompt(passes.stored, LinearChoice::kStored, 1, tokens);
  expect_close(few, whole, 0);
  for (const int threads : {1, 2, 3}) {
    EXPECT_EQ(passes.whole_prompt(passes.stored, LinearChoice::kStored, threads, tokens), few) << threads;
    EXPECT_EQ(passes.whole_prompt(passes.expanded, LinearChoice::kStored, threads, tokens), few) << threads;
  }
  // Packed, a prompt has the bits that its tokens have at the start of a longer one.
  expect_same(passes.whole_prompt(passes.stored, LinearChoice::kPacked, 2, tokens), whole, 0);
}

}  // namespace

void expect_few_rows_agree(const std::filesystem::path& model) {
  const Passes passes(model);
  const Hidden whole = passes.whole_prompt(passes.expanded, LinearChoice::kPacked, 2, kLong);
  for (const int64_t tokens :
       {int64_t{1}, int64_t{9}, int64_t{33}, kernels::kRowTile, kernels::kRowTile + 3}) {
    expect_prompt_agrees(passes, whole, tokens);
  }
  for (const LinearChoice linear : {LinearChoice::kPacked, LinearChoice::kStored}) {
    for (const int64_t tokens : {int64_t{8}, kLong}) {
      auto decoder = create_decoder(passes.stored, {.threads = 2});
      ASSERT_TRUE(decoder);
      const auto [fresh, kept] = passes.run(**decoder, linear, kLead, tokens, nullptr);
      ASSERT_EQ(kept->tokens(), kLead);
      const Hidden given = passes.run(**decoder, linear, kLead, tokens, kept).first;
      expect_close(given, whole, kLead * passes.width());
      expect_same(given, fresh, kLead * passes.width());
    }
  }
}

}  // namespace headwise::golden
