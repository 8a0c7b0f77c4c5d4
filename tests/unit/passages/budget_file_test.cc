// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Budget files: written and read back, refused where they say nothing or too much.
#include "passages/budget_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/file.h"

namespace headwise {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string budget_json(const std::string& members) {
  return R"({"format": "headwise keep budget", "version": 1)" + members + "}";
}

TEST(BudgetFile, IsReadBackAsWritten) {
  BudgetFile file;
  file.model = "0123";
  file.source = "scifact, 40 queries";
  file.queries = 40;
  file.budget.sensitivity = {0.25, 0.125, 1.0 / 3};
  file.kept = {0.5, 0.1};
  file.losses = {{0.1, 0.05, 0.2}, {0.4, 0.2, 0.1 + 0.2}};
  const BudgetFile again = parse_budget_file(format_budget_file(file)).value();
  EXPECT_EQ(again.model, file.model);
  EXPECT_EQ(again.source, file.source);
  EXPECT_EQ(again.queries, 40);
  EXPECT_EQ(again.budget.sensitivity, file.budget.sensitivity);
  EXPECT_EQ(again.kept, file.kept);
  EXPECT_EQ(again.losses, file.losses);
  BudgetFile shares;
  shares.budget.shares = {0.0, 1.0 / 32, 1.0};
  EXPECT_EQ(parse_budget_file(format_budget_file(shares))->budget.shares, shares.budget.shares);
}

TEST(BudgetFile, SaysWhatIsWrong) {
  const auto message = [](const std::string& text) {
    const auto file = parse_budget_file(text);
    return file ? std::string("read") : file.error().message();
  };
  EXPECT_THAT(message("["), HasSubstr("one JSON object"));
  EXPECT_THAT(message("{}"), HasSubstr("'format' must be \"headwise keep budget\""));
  EXPECT_THAT(message(R"({"format": "headwise keep budget", "version": 2})"),
              HasSubstr("'version' must be 1"));
  EXPECT_THAT(message(budget_json("")), HasSubstr("one of the two"));
  EXPECT_THAT(message(budget_json(R"(, "shares": [1], "sensitivity": [1])")), HasSubstr("one of the two"));
  EXPECT_THAT(message(budget_json(R"(, "shares": [])")), HasSubstr("one number a layer"));
  EXPECT_THAT(message(budget_json(R"(, "shares": [0.001])")),
              HasSubstr("from 1/32 to 1; 'shares' holds 0.001"));
  EXPECT_THAT(message(budget_json(R"(, "shares": [0, 0])")), HasSubstr("keeps nothing"));
  EXPECT_THAT(message(budget_json(R"(, "shares": ["x"])")), HasSubstr("holds \"x\""));
  EXPECT_THAT(message(budget_json(R"(, "sensitivity": [-1])")), HasSubstr("no number from 0 to 2"));
  EXPECT_THAT(message(budget_json(R"(, "sensitivity": [1], "kept": [0.5])")),
              HasSubstr("'losses' must have"));
  EXPECT_THAT(message(budget_json(R"(, "sensitivity": [1], "kept": [0.5], "losses": [[1, 1]])")),
              HasSubstr("'losses' has 2 layers and 'sensitivity' 1"));
}

TEST(BudgetFile, DecidesTheForm) {
  const auto path = std::filesystem::temp_directory_path() / "headwise-budget-file-test.json";
  KeepOptions options;
  options.type = KeptType::kInt8;
  options.budget.file = path.string();
  EXPECT_EQ(keep_form_of(options, "m", 2).error().code(), ErrorCode::kNotFound);
  ASSERT_TRUE(write_file_atomically(path, budget_json(R"(, "model": "m", "sensitivity": [0.1, 0.3])")));
  EXPECT_THAT(keep_form_of(options, "m", 2).error().message(), HasSubstr("add split=depth"));
  options.budget.split = BudgetSplit::kDepth;
  options.budget.share = 0.5;
  const KeptForm form = keep_form_of(options, "m", 2).value();
  EXPECT_EQ(form.type, KeptType::kInt8);
  EXPECT_NEAR(form.shares[1] / form.shares[0], 3.0, 1e-5);
  EXPECT_THAT(keep_form_of(options, "other", 2).error().message(),
              HasSubstr("is of model m, this one is other"));
  EXPECT_THAT(keep_form_of(options, "m", 3).error().message(), HasSubstr("has 2 layers, and 3 are kept"));
  std::filesystem::remove(path);
  options.budget = {};
  EXPECT_TRUE(keep_form_of(options, "m", 3)->shares.empty());
}

}  // namespace
}  // namespace headwise
