// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Files that are no plain text, told by their first bytes, so that the message can name what to do.
#include <algorithm>
#include <array>

#include "base/file.h"

namespace headwise {
namespace {

struct Packing {
  std::string_view start;
  const char* name;
  const char* unpack;
};
constexpr std::array<Packing, 6> kPackings{{
    {"\x1F\x8B", "gzip", "gunzip -k"},
    {"\x28\xB5\x2F\xFD", "zstd", "unzstd"},
    {std::string_view("\xFD"
                      "7zXZ\0",
                      6),
     "xz", "unxz -k"},
    {"BZh9", "bzip2", "bunzip2 -k"},
    {"PK\x03\x04", "a zip archive", "unzip"},
    {"7z\xBC\xAF\x27\x1C", "a 7-Zip archive", "7z x"},
}};

// With its mark, or by its zeros: most of a text is letters whose high byte is zero.
const char* wide_encoding(std::string_view content) {
  using namespace std::string_view_literals;
  if (content.starts_with("\xFF\xFE\0\0"sv) || content.starts_with("\0\0\xFE\xFF"sv)) return "UTF-32";
  if (content.starts_with("\xFF\xFE"sv) || content.starts_with("\xFE\xFF"sv)) return "UTF-16";
  constexpr size_t kLooked = 64, kFewest = 8;
  const std::string_view start = content.substr(0, kLooked);
  std::array<size_t, 2> zeros{};
  for (size_t i = 0; i < start.size(); ++i) zeros[i % 2] += start[i] == '\0' ? 1 : 0;
  const size_t half = start.size() / 2;
  const bool wide =
      start.size() >= kFewest && std::max(zeros[0], zeros[1]) >= half && std::min(zeros[0], zeros[1]) == 0;
  return wide ? "UTF-16" : nullptr;
}

}  // namespace

Status require_plain_text(std::string_view content, const std::string& source) {
  const std::string name = "'" + source + "' ";
  for (const Packing& packing : kPackings) {
    if (!content.starts_with(packing.start)) continue;
    return fail(ErrorCode::kInvalidInput, name + "is packed (" + packing.name + "); unpack it first, e.g. `" +
                                              packing.unpack + " " + source + "`");
  }
  if (const char* encoding = wide_encoding(content)) {
    return fail(ErrorCode::kInvalidInput, name + "is " + encoding + "; convert it to UTF-8, e.g. `iconv -f " +
                                              encoding + " -t UTF-8 " + source + "`");
  }
  return {};
}

}  // namespace headwise
