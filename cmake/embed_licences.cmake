# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors

# packaging/licences.tsv inside the program, for `headwise --version`. Included by apps/CMakeLists.txt, which compiles
# ${licences_source}.
set(licences_table ${PROJECT_SOURCE_DIR}/packaging/licences.tsv)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${licences_table})
file(STRINGS ${licences_table} lines REGEX "^[^#]")
# Not in the program.
list(FILTER lines EXCLUDE REGEX "\tpy:")
set(rows "")
foreach(line IN LISTS lines)
  string(REGEX REPLACE "^([^\t]+)\t([^\t]+)\t.*$" "    {\"\\1\", \"\\2\"},\n" row "${line}")
  string(APPEND rows "${row}")
endforeach()
list(LENGTH lines count)
set(licences_source ${PROJECT_BINARY_DIR}/embedded_licences.cc)
file(
  CONFIGURE OUTPUT ${licences_source} CONTENT
  "// Made by cmake/embed_licences.cmake from packaging/licences.tsv.
#include \"common/licences.h\"

#include <array>

namespace headwise {

std::span<const Licence> licences() {
  static constexpr std::array<Licence, ${count}> kLicences{{
${rows}  }};
  return kLicences;
}

}  // namespace headwise
" @ONLY)
