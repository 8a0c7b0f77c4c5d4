// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "support/tolerance.h"

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <utility>

namespace headwise {
namespace {

using Table = std::map<std::pair<std::string, std::string>, Tolerance>;

[[noreturn]] void give_up(const std::string& what) {
  std::fprintf(stderr, "%s: %s\n", HEADWISE_TOLERANCES, what.c_str());
  std::abort();
}

Table read_table() {
  std::ifstream file(HEADWISE_TOLERANCES);
  if (!file) give_up("cannot be read");
  Table table;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line.front() == '#') continue;
    std::istringstream words(line);
    std::string backend, precision;
    Tolerance row;
    words >> backend >> precision >> row.unit >> row.score >> row.hidden >> row.way >> row.loss;
    if (!words) give_up("expected two names and five numbers, found '" + line + "'");
    table[{backend, precision}] = row;
  }
  return table;
}

}  // namespace

const Tolerance& tolerance(std::string_view backend, std::string_view precision) {
  static const Table table = read_table();
  const auto found = table.find({std::string(backend), std::string(precision)});
  if (found == table.end()) give_up("no row for " + std::string(backend) + ", " + std::string(precision));
  return found->second;
}

}  // namespace headwise
