// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: whether an LMDB file can be opened. LMDB believes what its pages say: a flipped bit or a
// file that was cut short makes it read outside its mapping. So every page that it would follow is looked at
// first: that it stands where it says, that its nodes lie in it, that keys ascend, that no page is used twice
// or is free and used, and that counts agree. A million entries take some 30 ms.
//
// Source: the layout of liblmdb/mdb.c, data version 1 (LMDB 0.9, Howard Chu).
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

#include "headwise/error.h"

namespace headwise {

// What an entry of an index is like: the first byte of its key, and how long both are.
struct EntryShape {
  unsigned char first = 0;
  size_t key_bytes = 0;
  size_t value_bytes = 0;
};
inline constexpr EntryShape kStateShape{0, 1, 24};     // how far numbers of segments are used up
inline constexpr EntryShape kSegmentShape{0, 5, 24};   // a segment
inline constexpr EntryShape kPassageShape{1, 17, 12};  // where a passage stands

// Nobody may write the file meanwhile. kInvalidInput: rebuild it.
Status check_index_file(const std::filesystem::path& path);
// That it is an LMDB file of ours, no more.
Status check_index_head(const std::filesystem::path& path);
// All of it, of the file's bytes.
Status check_index(std::span<const std::byte> file);

}  // namespace headwise
