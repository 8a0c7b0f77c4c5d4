// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "support/kernel_tables.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>

namespace headwise::kernels {
namespace {

struct Needs {
  std::string_view table;
  std::vector<std::string> flags;  // as the kernel lists them
};

const std::vector<Needs>& built() {
  static const std::vector<Needs> tables {
    {"scalar", {}},
#if defined(__x86_64__)
        {"avx2", {"avx2", "fma", "f16c"}},
        {"avx512", {"avx2", "fma", "f16c", "avx512f", "avx512vl", "avx512dq", "avx512bw"}},
        {"amx",
         {"avx2", "fma", "f16c", "avx512f", "avx512vl", "avx512dq", "avx512bw", "avx512_vnni", "avx512_bf16",
          "amx_tile", "amx_bf16", "amx_int8"}},
#endif
  };
  return tables;
}

// The flags of the first processor; the kernel leaves out what it does not save and restore.
std::set<std::string> processor_flags() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("flags")) continue;
    std::istringstream words(line.substr(line.find(':') + 1));
    return {std::istream_iterator<std::string>(words), {}};
  }
  return {};
}

}  // namespace

std::vector<std::string> built_tables() {
  std::vector<std::string> names;
  for (const Needs& needs : built()) names.emplace_back(needs.table);
  return names;
}

std::vector<std::string> runnable_tables() {
  static const std::set<std::string> flags = processor_flags();
  std::vector<std::string> names;
  for (const Needs& needs : built()) {
    const bool all = std::all_of(needs.flags.begin(), needs.flags.end(),
                                 [](const std::string& flag) { return flags.contains(flag); });
    if (all) names.emplace_back(needs.table);
  }
  return names;
}

void EveryTable::SetUp() {
  for (const KernelTable* table : available_kernels()) {
    if (table->name == GetParam()) table_ = table;
  }
  if (table_ != nullptr) return;
  const std::vector<std::string> runnable = runnable_tables();
  ASSERT_EQ(std::count(runnable.begin(), runnable.end(), GetParam()), 0)
      << "/proc/cpuinfo says that this processor runs " << GetParam()
      << ", but available_kernels() has no such table";
  GTEST_SKIP() << "hardware: this processor cannot run " << GetParam();
}

}  // namespace headwise::kernels
