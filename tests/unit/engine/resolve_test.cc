// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Who wins: what is explicitly set, what a head set, router or adapter says, defaults. No file, no model.
#include "engine/resolve.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace headwise {
namespace {

using ::testing::HasSubstr;

// Reads as no default does, so that it shows who won.
HeadSet set_reading_otherwise() {
  HeadSet set;
  set.heads = {{1, 2}, {0, 3}};
  set.weights = {0.75, 0.25};
  set.prompt_template = "icr-llama3";
  set.encoding = "list";
  set.calibration = "na";
  set.token_filter = "none";
  set.rows = "query";
  return set;
}

struct Shipped {
  HeadSet frozen = set_reading_otherwise();
  ShippedAdapter adapter{.heads = set_reading_otherwise(), .files = {}};
  Shipped() {
    adapter.heads.heads = {{2, 0}};
    adapter.heads.weights.clear();
  }
  ShippedParts both() const { return {.heads = &frozen, .adapter = &adapter}; }
  ShippedParts heads_alone() const { return {.heads = &frozen, .adapter = nullptr}; }
};

NamedParts named_set() {
  NamedParts named;
  named.set = set_reading_otherwise();
  named.source = "the head set 'x.json'";
  return named;
}

ResolvedSettings resolved(const EngineSettings& settings, const NamedParts& named = {},
                          const ShippedParts& shipped = {}) {
  auto made = resolve(settings, named, shipped);
  EXPECT_TRUE(made) << made.error().to_string();
  return std::move(made.value());
}

void expect_the_sets_reading(const ResolvedSettings& made) {
  EXPECT_EQ(made.options.encoding, Encoding::kList);
  EXPECT_EQ(made.options.calibration, Calibration::kNa);
  EXPECT_EQ(made.options.token_filter, TokenFilter::kNone);
  EXPECT_EQ(made.options.rows, QueryRows::kQuery);
  EXPECT_EQ(made.options.prompt_template, "icr-llama3");
}

void expect_default_reading(const ResolvedSettings& made) {
  const RerankerOptions plain;
  EXPECT_EQ(made.options.encoding, plain.encoding);
  EXPECT_EQ(made.options.calibration, plain.calibration);
  EXPECT_EQ(made.options.token_filter, plain.token_filter);
  EXPECT_EQ(made.options.rows, plain.rows);
  EXPECT_EQ(made.options.prompt_template, "");
}

TEST(Resolve, NothingAskedAndNothingShippedIsEveryHeadByDefault) {
  const ResolvedSettings made = resolved({});
  EXPECT_EQ(made.options.heads.kind, HeadSelection::Kind::kAll);
  EXPECT_EQ(made.settings.heads, "all");
  EXPECT_EQ(made.settings.adapter, kNoAdapter);
  EXPECT_EQ(made.set, nullptr);
  EXPECT_FALSE(made.shipped_heads);
  expect_default_reading(made);
  for (const Option& option : options()) {
    const bool text = option.value.kind == OptionKind::kPath || option.value.kind == OptionKind::kText;
    const bool may_be_none = text || std::string_view(option.name) == "min-score";
    if (!may_be_none) {
      EXPECT_NE(option_text(made.settings, option.name), "") << option.name;
    }
  }
}

TEST(Resolve, AHeadSetSaysHowItIsRead) {
  const ResolvedSettings made = resolved({.heads = "x.json"}, named_set());
  EXPECT_EQ(made.settings.heads, "1-2,0-3");
  EXPECT_EQ(made.options.heads.weights, (std::vector<double>{0.75, 0.25}));
  EXPECT_FALSE(made.shipped_heads);
  EXPECT_NE(made.set, nullptr);
  expect_the_sets_reading(made);
}

TEST(Resolve, ARouterSaysHowItsHeadsAreRead) {
  NamedParts named;
  named.router = Router{};
  named.router->prompt_template = "icr-llama3";
  named.router->encoding = "list";
  named.router->calibration = "na";
  named.router->token_filter = "none";
  named.router->rows = "query";
  const Shipped shipped;
  const ResolvedSettings made = resolved({.router = "r"}, named, shipped.both());
  EXPECT_EQ(made.settings.heads, "all");
  EXPECT_EQ(made.settings.router, "r");
  EXPECT_EQ(made.settings.adapter, kNoAdapter);
  EXPECT_FALSE(made.shipped_heads);
  expect_the_sets_reading(made);
}

// Each explicitly set choice wins, and the others stay the set's.
TEST(Resolve, WhatIsExplicitlySetWins) {
  const NamedParts named = named_set();
  const struct {
    const char* name;
    const char* value;
  } choices[] = {{"calibration", "ratio"}, {"calibration", "none"}, {"token-filter", "low"},
                 {"rows", "template"},     {"rows", "all"},         {"encoding", "blocks"},
                 {"template", "default"}};
  for (const auto& choice : choices) {
    EngineSettings settings{.heads = "x.json"};
    ASSERT_TRUE(set_option(settings, choice.name, choice.value));
    const ResolvedSettings made = resolved(settings, named);
    EngineSettings wanted = with_defaults(settings);
    wanted = resolved({.heads = "x.json"}, named).settings;
    ASSERT_TRUE(set_option(wanted, choice.name, choice.value));
    // A template belongs to its set's own encoding.
    if (std::string_view(choice.name) == "encoding") wanted.prompt_template.clear();
    for (const Option& option : options()) {
      EXPECT_EQ(option_text(made.settings, option.name), option_text(wanted, option.name))
          << choice.name << " " << choice.value << ": " << option.name;
    }
  }
  EXPECT_EQ(resolved({.rows = std::optional<QueryRows>()}, named).options.rows, std::nullopt);
}

TEST(Resolve, TheSetsTemplateStaysUnlessAnotherEncodingIsAskedFor) {
  EXPECT_EQ(resolved({.encoding = Encoding::kList}, named_set()).options.prompt_template, "icr-llama3");
  EXPECT_EQ(resolved({.encoding = Encoding::kBlocks}, named_set()).options.prompt_template, "");
  EXPECT_EQ(resolved({.calibration = Calibration::kRatio}, named_set()).options.prompt_template,
            "icr-llama3");
}

TEST(Resolve, AWordThatNobodyKnowsIsAnErrorUnlessItDoesNotCount) {
  NamedParts named = named_set();
  named.set->rows = "some";
  const auto wrong = resolve({}, named, {});
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code(), ErrorCode::kInvalidInput);
  EXPECT_EQ(wrong.error().message(), "the head set 'x.json' says 'some', which --rows does not know");
  EXPECT_TRUE(resolve({.rows = QueryRows::kAll}, named, {}));
}

TEST(Resolve, TheShippedSetIsReadWhereNothingElseIsAskedFor) {
  const Shipped shipped;
  for (const EngineSettings& settings :
       {EngineSettings{}, EngineSettings{.heads = kDefaultHeads}, EngineSettings{.adapter = kNoAdapter},
        EngineSettings{.encoding = Encoding::kList}, EngineSettings{.max_words = 5},
        EngineSettings{.threads = 3}, EngineSettings{.rows = QueryRows::kQuery},
        EngineSettings{.fuse = FusionChoice{.fusion = Fusion::kReciprocalRank}}}) {
    const ResolvedSettings made = resolved(settings, {}, shipped.heads_alone());
    EXPECT_TRUE(made.shipped_heads);
    EXPECT_EQ(made.set, &shipped.frozen);
    EXPECT_EQ(made.settings.heads, "1-2,0-3");
    EXPECT_EQ(made.options.calibration, Calibration::kNa);
  }
  expect_the_sets_reading(resolved({}, {}, shipped.heads_alone()));
  for (const EngineSettings& settings :
       {EngineSettings{.encoding = Encoding::kBlocks}, EngineSettings{.calibration = Calibration::kRatio},
        EngineSettings{.token_filter = TokenFilter::kLow}, EngineSettings{.rows = std::optional<QueryRows>()},
        EngineSettings{.prompt_template = "default"}}) {
    const ResolvedSettings made = resolved(settings, {}, shipped.heads_alone());
    EXPECT_FALSE(made.shipped_heads);
    EXPECT_EQ(made.set, nullptr);
    EXPECT_EQ(made.settings.heads, "all");
  }
  NamedParts named;
  named.selection = *HeadSelection::parse("0..1");
  const ResolvedSettings window = resolved({.heads = "0..1"}, named, shipped.both());
  EXPECT_EQ(window.settings.heads, "0..1");  // as it was spelled
  EXPECT_EQ(window.options.heads.kind, HeadSelection::Kind::kLayers);
  EXPECT_EQ(window.settings.adapter, kNoAdapter);
  expect_default_reading(window);
}

TEST(Resolve, TheShippedAdapterIsMeantWhereNothingElseIsAskedFor) {
  const Shipped shipped;
  const auto meant = [&](const EngineSettings& settings) {
    return resolve_adapter(settings, &shipped.adapter);
  };
  EXPECT_EQ(meant({}), kDefaultAdapter);
  EXPECT_EQ(meant({.heads = kDefaultHeads}), kDefaultAdapter);
  EXPECT_EQ(meant({.encoding = Encoding::kList}), kDefaultAdapter);  // its own
  EXPECT_EQ(meant({.fuse = FusionChoice{.fusion = Fusion::kReciprocalRank}}), kDefaultAdapter);
  EXPECT_EQ(meant({.prompt_template = "icr-llama3"}), kDefaultAdapter);
  EXPECT_EQ(meant({.encoding = Encoding::kBlocks}), kNoAdapter);
  EXPECT_EQ(meant({.calibration = Calibration::kRatio}), kNoAdapter);
  EXPECT_EQ(meant({.token_filter = TokenFilter::kLow}), kNoAdapter);
  EXPECT_EQ(meant({.rows = std::optional<QueryRows>()}), kNoAdapter);
  EXPECT_EQ(meant({.prompt_template = "default"}), kNoAdapter);
  EXPECT_EQ(meant({.heads = "all"}), kNoAdapter);
  EXPECT_EQ(meant({.router = "r"}), kNoAdapter);
  EXPECT_EQ(meant({.adapter = kNoAdapter}), kNoAdapter);
  EXPECT_EQ(meant({.adapter = "folder"}), "folder");
  EXPECT_EQ(meant({.adapter = kDefaultAdapter, .heads = "all"}), kDefaultAdapter);
  EXPECT_EQ(resolve_adapter({}, nullptr), kNoAdapter);
}

TEST(Resolve, TheShippedAdapterBringsItsOwnHeads) {
  const Shipped shipped;
  const ResolvedSettings by_default = resolved({}, {}, shipped.both());
  EXPECT_EQ(by_default.settings.heads, "2-0");
  EXPECT_EQ(by_default.settings.adapter, kDefaultAdapter);
  EXPECT_TRUE(by_default.shipped_heads);
  expect_the_sets_reading(by_default);
  // Asked for by name it keeps them under another reading; by default it gives way, and so does the frozen
  // set.
  const ResolvedSettings asked =
      resolved({.adapter = kDefaultAdapter, .calibration = Calibration::kRatio}, {}, shipped.both());
  EXPECT_EQ(asked.settings.heads, "2-0");
  EXPECT_EQ(asked.options.calibration, Calibration::kRatio);
  EXPECT_EQ(asked.options.encoding, Encoding::kList);
  const ResolvedSettings other = resolved({.calibration = Calibration::kRatio}, {}, shipped.both());
  EXPECT_EQ(other.settings.heads, "all");
  EXPECT_EQ(other.settings.adapter, kNoAdapter);
  const ResolvedSettings frozen = resolved({.adapter = kNoAdapter}, {}, shipped.both());
  EXPECT_EQ(frozen.set, &shipped.frozen);
}

TEST(Resolve, AFolderWithoutASetLeavesTheFrozenOne) {
  const Shipped shipped;
  const ResolvedSettings made = resolved({.adapter = "folder"}, {}, shipped.both());
  EXPECT_EQ(made.settings.adapter, "folder");
  EXPECT_EQ(made.set, &shipped.frozen);
  // Its own set, where read_named_parts() found one beside it.
  const NamedParts named = named_set();
  const ResolvedSettings own = resolved({.adapter = "folder"}, named, shipped.both());
  EXPECT_EQ(own.set, &*named.set);
  EXPECT_FALSE(own.shipped_heads);
}

TEST(NamedParts, RouterAndHeadsContradictEachOther) {
  const auto named = read_named_parts({.heads = "0-1", .router = "router.safetensors"});
  ASSERT_FALSE(named);
  EXPECT_EQ(named.error().code(), ErrorCode::kUsage);
  EXPECT_EQ(named.error().message(), "--router chooses the heads; leave --heads out");
  const auto by_default = read_named_parts({.heads = kDefaultHeads, .router = "/no/router"});
  ASSERT_FALSE(by_default);
  EXPECT_EQ(by_default.error().code(), ErrorCode::kNotFound);
}

TEST(NamedParts, HeadsAreAFileAPublishedListOrASelection) {
  const auto window = read_named_parts({.heads = "0..1"});
  ASSERT_TRUE(window) << window.error().to_string();
  EXPECT_EQ(window->selection.kind, HeadSelection::Kind::kLayers);
  EXPECT_FALSE(window->set);
  const auto published = read_named_parts({.heads = "qrhead/llama-3.1-8b"});
  ASSERT_TRUE(published) << published.error().to_string();
  ASSERT_TRUE(published->set);
  EXPECT_EQ(published->source, "the head set 'qrhead/llama-3.1-8b'");
  const auto wrong = read_named_parts({.heads = "some"});
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code(), ErrorCode::kUsage);
  EXPECT_THAT(wrong.error().to_string(), HasSubstr("reading --heads"));
  EXPECT_EQ(read_named_parts({})->selection.kind, HeadSelection::Kind::kAll);
}

}  // namespace
}  // namespace headwise
