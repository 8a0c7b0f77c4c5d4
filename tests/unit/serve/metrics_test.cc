// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "serve/metrics.h"

#include <gtest/gtest.h>

namespace headwise::serve {
namespace {

TEST(Metrics, HistogramsAreCumulative) {
  constexpr double kBounds[] = {1, 10};
  Histogram histogram("h", "Help.", kBounds);
  for (double value : {0.5, 1.0, 1.5, 10.0, 11.0}) histogram.observe(value);
  EXPECT_EQ(histogram.text(),
            "# HELP h Help.\n# TYPE h histogram\nh_bucket{le=\"1\"} 2\nh_bucket{le=\"10\"} 4\n"
            "h_bucket{le=\"+Inf\"} 5\nh_sum 24\nh_count 5\n");
}

TEST(Metrics, CountersHaveLabels) {
  Counter counter("c", "Help.");
  EXPECT_EQ(counter.text(), "# HELP c Help.\n# TYPE c counter\nc 0\n");
  counter.add("a=\"1\"");
  counter.add("a=\"1\"", 2);
  counter.add("a=\"2\"");
  EXPECT_EQ(counter.text(), "# HELP c Help.\n# TYPE c counter\nc{a=\"1\"} 3\nc{a=\"2\"} 1\n");
}

}  // namespace
}  // namespace headwise::serve
