// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: which kernel tables this processor must have, asked of /proc/cpuinfo and not of the
// dispatch under test, and a fixture that runs a test once for each table of the build, under the table's
// name.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "kernels/kernels.h"

namespace headwise::kernels {

// Names of all tables of this build, definition first.
std::vector<std::string> built_tables();
// Those among them that this processor can run.
std::vector<std::string> runnable_tables();

// TEST_P(Suite, Name) with `class Suite : public EveryTable {}` and HEADWISE_EVERY_TABLE(Suite). A table that
// the processor can run and available_kernels() does not name is a failure; one that the processor cannot run
// is a skip.
class EveryTable : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override;
  const KernelTable& table() const { return *table_; }

 private:
  const KernelTable* table_ = nullptr;
};

inline std::string table_test_name(const testing::TestParamInfo<std::string>& table) { return table.param; }

}  // namespace headwise::kernels
