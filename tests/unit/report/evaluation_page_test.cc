// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "report/evaluation_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace headwise {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const char* const kHostile = "<script>alert('x')</script>\"&\x01\xFF";
const char* const kHarmless =
    "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&quot;&amp;\xEF\xBF\xBD\xEF\xBF\xBD";

ComparisonTable table_of(const std::vector<std::string>& runs, const std::string& query_name) {
  const Qrels qrels{{{query_name, {{"a", 1}}}, {"q2", {{"a", 1}, {"b", 2}}}, {"q3", {{"a", 1}}}}};
  ComparisonTable table{"qrels", *parse_measures("ndcg@10,map"), {}, 0, {}};
  for (const std::string& name : runs) {
    // Every further run moves the relevant document one rank down in the first query.
    RunQuery first{query_name, {}};
    for (size_t i = 0; i < table.runs.size(); ++i) {
      first.entries.push_back({"x" + std::to_string(i), 9.0 - static_cast<double>(i), 0});
    }
    first.entries.push_back({"a", 1.0, 0});
    const Run run{name, {first, {"q2", {{"b", 2.0, 0}}}, {"q3", {{"a", 1.0, 0}}}}};
    table.runs.push_back({name, *evaluate(qrels, run, table.measures, {})});
  }
  compare_with_baseline(table, {});
  return table;
}

TEST(Report, EscapesNamesIdsAndTexts) {
  Queries queries;
  queries.add({kHostile, kHostile});
  ComparisonTable table = table_of({std::string("one") + kHostile, std::string("two") + kHostile}, kHostile);
  table.title = kHostile;
  const std::string page = report_html(table, queries);
  EXPECT_THAT(page, Not(HasSubstr("<script")));
  EXPECT_THAT(page, Not(HasSubstr("\x01")));
  EXPECT_THAT(page, Not(HasSubstr("\xFF")));
  EXPECT_THAT(page, HasSubstr("one" + std::string(kHarmless)));
  EXPECT_THAT(page, HasSubstr("<td class=\"text\">" + std::string(kHarmless)));
}

TEST(Report, NeedsNothingFromOutside) {
  for (const ComparisonTable& table : {table_of({"one", "two", "three"}, "q1"), table_of({"one"}, "q1")}) {
    const std::string page = report_html(table, {});
    for (const char* reference : {"http:", "https:", "//", "src=", "href=", "@import", "url("}) {
      EXPECT_THAT(page, Not(HasSubstr(reference)));
    }
    EXPECT_THAT(page, HasSubstr("prefers-color-scheme: dark"));
  }
}

TEST(Report, OneSectionForEachComparedRun) {
  const std::string page = report_html(table_of({"one", "two", "three"}, "q1"), {});
  EXPECT_THAT(page, HasSubstr("two against one"));
  EXPECT_THAT(page, HasSubstr("three against one"));
  EXPECT_THAT(page, HasSubstr("Largest losses"));
  EXPECT_THAT(report_html(table_of({"one"}, "q1"), {}), HasSubstr("Lowest values"));
}

TEST(Report, OneMarkAQuery) {
  const std::vector<double> x{0.1, 0.5, 1.0}, y{0.2, 0.5, 0.3};
  const std::vector<std::string> labels{"a", "b", "<c>"};
  const std::string scatter = scatter_svg({"A", "B", x, y, labels});
  EXPECT_THAT(scatter, HasSubstr("<circle class=\"gain\""));
  EXPECT_THAT(scatter, HasSubstr("<circle class=\"even\""));
  EXPECT_THAT(scatter, HasSubstr("<circle class=\"loss\""));
  EXPECT_THAT(scatter, HasSubstr("&lt;c&gt;\nA 1.0000\nB 0.3000"));
  const std::vector<double> differences{0.1, 0.0, -0.7};
  const std::string bars = difference_svg(differences, labels);
  EXPECT_LT(bars.find("class=\"gain\""), bars.find("class=\"even\""));
  EXPECT_LT(bars.find("class=\"even\""), bars.find("class=\"loss\""));
}

TEST(Report, NumbersCarryATrueSign) {
  EXPECT_EQ(signed_digits(0.25), "+0.2500");
  EXPECT_EQ(signed_digits(-0.25),
            "\xE2\x88\x92"
            "0.2500");
  EXPECT_EQ(signed_digits(-0.0), "0.0000");
  EXPECT_EQ(signed_digits(-0.00001), "0.0000");
}

}  // namespace
}  // namespace headwise
