// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Which kernel tables there are on this processor, against what /proc/cpuinfo says it can run.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>

#include "support/kernel_tables.h"

namespace headwise::kernels {
namespace {

std::vector<std::string> available_names() {
  std::vector<std::string> names;
  for (const KernelTable* table : available_kernels()) names.emplace_back(table->name);
  return names;
}

TEST(KernelTables, ThoseThisProcessorRunsAreAvailable) {
  const std::vector<std::string> names = available_names();
  EXPECT_EQ(names, runnable_tables());
  EXPECT_EQ(names.front(), "scalar") << "the definition is first";
  std::string list;
  for (const std::string& name : names) list += " " + name;
  std::printf("kernel tables:%s\n", list.c_str());
  RecordProperty("tables", list);
}

TEST(KernelTables, TheBestOneIsChosenUnlessOneIsForced) {
  const char* forced = std::getenv("HEADWISE_ISA");
  const auto chosen = select_kernels();
  ASSERT_TRUE(chosen);
  EXPECT_EQ((*chosen)->name, forced != nullptr && *forced != '\0' ? forced : runnable_tables().back());
}

}  // namespace
}  // namespace headwise::kernels
