// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// How this machine rounds. The mathematical functions are the C library's, and a compiler orders the sums of
// its intrinsics. Neither is the engine's doing, and neither is asked through the engine: a change of the
// engine cannot hide as a change of the machine.
#pragma once

#include <map>
#include <string>

namespace headwise::golden {

using Facts = std::map<std::string, std::string>;

// Processor and C library by name. Where these are the same, arithmetic() must be.
Facts machine();
// The compiler, and hashes of mathematical functions at fixed places.
Facts arithmetic();
// Whether the processor has the instructions of a set: "scalar", "avx2", "avx512". `missing` says which it
// has not.
bool runs_here(const std::string& set, std::string& missing);

// FNV-1a (Fowler, Noll and Vo) over bytes, 16 hex digits.
std::string hash_of(const void* bytes, size_t count);

}  // namespace headwise::golden
