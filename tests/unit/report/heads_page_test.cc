// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "report/heads_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace headwise {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// Values that rise with the layer; every set holds head 0-0.
HeadReport report_of(int layers, int heads, size_t sets) {
  HeadReport report;
  report.model = "made-up";
  HeadMap map;
  map.layers = layers;
  map.heads = heads;
  for (int layer = 0; layer < layers; ++layer) {
    const double value = static_cast<double>(layer) / layers;
    map.single.insert(map.single.end(), static_cast<size_t>(heads), value);
    map.layer_sum.push_back(value);
    map.layer_mean.push_back(value / 2.0);
  }
  map.window = window_around_peak(map.layer_sum, 4);
  report.map = map;
  for (size_t i = 0; i < sets; ++i) {
    report.sets.push_back({"set <" + std::to_string(i) + ">", {}});
    report.sets.back().set.heads = {{0, 0}};
    report.set_ndcg.push_back(0.5);
  }
  report.overlap = head_overlap(report.sets);
  return report;
}

size_t count_of(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST(HeadReport, EverySizeOfModelIsDrawn) {
  for (const auto& [layers, heads] : {std::pair{1, 1}, {2, 64}, {30, 9}, {80, 64}}) {
    SCOPED_TRACE(layers);
    const HeadReport report = report_of(layers, heads, 2);
    const std::string map = head_map_svg(report);
    EXPECT_EQ(count_of(map, "<rect class=\"gain cell\""), static_cast<size_t>(layers * heads));
    EXPECT_THAT(map, Not(HasSubstr("nan")));
    EXPECT_THAT(map, Not(HasSubstr("=\"-")));  // nothing left of or above the picture
    EXPECT_THAT(layer_curve_svg(*report.map), Not(HasSubstr("nan")));
  }
}

TEST(HeadReport, OutlinesTellSetsApartWhileTheyFit) {
  EXPECT_THAT(head_map_svg(report_of(30, 9, 3)), HasSubstr("class=\"ring2\""));
  const std::string many = head_map_svg(report_of(30, 9, 5));
  EXPECT_EQ(count_of(many, "<rect class=\"ring"), 1u);
  const std::string small = head_map_svg(report_of(80, 64, 4));
  EXPECT_THAT(small, HasSubstr("class=\"ring1\""));
  EXPECT_THAT(small, Not(HasSubstr("=\"-")));
}

TEST(HeadReport, NamesAreText) {
  const std::string page = head_report_html(report_of(2, 2, 2));
  EXPECT_THAT(page, HasSubstr("set &lt;1&gt;"));
  EXPECT_THAT(page, Not(HasSubstr("set <1>")));
}

TEST(HeadReport, SectionsWithoutContentAreLeftOut) {
  HeadReport report = report_of(2, 2, 1);
  EXPECT_THAT(head_report_html(report), Not(HasSubstr("<h2>Overlap")));
  EXPECT_THAT(head_report_html(report), Not(HasSubstr("<h2>Stability")));
  report.map.reset();
  report.set_ndcg.clear();
  EXPECT_THAT(head_report_html(report), Not(HasSubstr("<h2>Layer by layer")));
}

}  // namespace
}  // namespace headwise
