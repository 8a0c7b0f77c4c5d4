// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// An adapter that ships inside the library: that it ranks as the folder it was made of does, and gives way to
// what is asked for. The tiny model's stands in for those of models/: cmake/embed_adapters.cmake put it into
// this program.
#include "headwise/shipped_adapter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "engine/resolve.h"
#include "headwise/engine.h"
#include "model/adapter.h"
#include "support/paths.h"

namespace headwise {
namespace {

using ::testing::HasSubstr;

const std::string kTiny = test_data().string() + "/golden/models/tiny-llama-linear";
const std::string kFolder = SHIPPED_FOLDER;  // the files that were embedded
const std::string kShippedFor = "llama-2x4-64-fa21be0cacb94ac8";

EngineSettings tiny() {
  EngineSettings settings;
  settings.model = kTiny;
  settings.threads = 1;
  return settings;
}

template <typename Change>
Result<Engine> tiny_with(const Change& change) {
  EngineSettings settings = tiny();
  change(settings);
  return load_engine(settings);
}

std::vector<double> scores(Engine& engine) {
  std::vector<Passage> passages(3);
  passages[0].text = "one two three";
  passages[1].text = "some other words";
  passages[2].text = "a cat and a dog";
  const Ranking ranking = engine.rank("what is it?", passages, nullptr).value();
  std::vector<double> found(3);
  for (const ScoredPassage& hit : ranking.passages) found[static_cast<size_t>(hit.index)] = hit.score;
  return found;
}

TEST(ShippedAdapter, IsWhole) {
  const ShippedAdapter* shipped = shipped_adapter(kShippedFor);
  ASSERT_NE(shipped, nullptr);
  EXPECT_EQ(shipped->heads.model, kShippedFor);
  const auto model = Model::load(kTiny, {});
  ASSERT_TRUE(model) << model.error().to_string();
  const auto adapter = parse_adapter(shipped->files, (*model)->config());
  ASSERT_TRUE(adapter) << adapter.error().to_string();
  EXPECT_EQ(adapter->hash(), read_adapter(kFolder, (*model)->config())->hash());
  EXPECT_EQ(shipped_adapter("llama-1x1-1-0"), nullptr);
}

TEST(ShippedAdapter, RanksAsItsFolderDoes) {
  auto by_default = tiny_with([](EngineSettings&) {});
  auto folder = tiny_with([](EngineSettings& s) { s.adapter = kFolder; });
  auto frozen = tiny_with([](EngineSettings& s) { s.adapter = kNoAdapter; });
  ASSERT_TRUE(by_default && folder && frozen);
  EXPECT_EQ(by_default->settings.adapter, kDefaultAdapter);
  EXPECT_TRUE(by_default->shipped_heads);
  EXPECT_EQ(by_default->reranker.heads().size(), 2U);
  EXPECT_EQ(by_default->settings.calibration, Calibration::kNa);
  EXPECT_EQ(scores(*by_default), scores(*folder));
  EXPECT_EQ(by_default->model->fingerprint(), folder->model->fingerprint());
  EXPECT_NE(scores(*by_default), scores(*frozen));
  EXPECT_EQ(frozen->model->fingerprint(), kShippedFor);
}

TEST(ShippedAdapter, GivesWayToWhatIsAskedFor) {
  auto all = tiny_with([](EngineSettings& s) { s.heads = "all"; });
  auto frozen_all = tiny_with([](EngineSettings& s) {
    s.heads = "all";
    s.adapter = kNoAdapter;
  });
  auto aligned_all = tiny_with([](EngineSettings& s) {
    s.heads = "all";
    s.adapter = kDefaultAdapter;
  });
  auto other_reading = tiny_with([](EngineSettings& s) { s.calibration = Calibration::kRatio; });
  auto asked_for = tiny_with([](EngineSettings& s) {
    s.calibration = Calibration::kRatio;
    s.adapter = kDefaultAdapter;
  });
  ASSERT_TRUE(all && frozen_all && aligned_all && other_reading && asked_for);
  EXPECT_EQ(scores(*all), scores(*frozen_all));
  EXPECT_NE(scores(*all), scores(*aligned_all));
  EXPECT_EQ(other_reading->reranker.heads().size(), 8U);
  EXPECT_EQ(other_reading->settings.adapter, kNoAdapter);
  EXPECT_EQ(asked_for->reranker.heads().size(), 2U);
  EXPECT_EQ(asked_for->settings.calibration, Calibration::kRatio);
}

}  // namespace
}  // namespace headwise
