// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: what each operation of the kernel table should give, in double precision, and how far a
// float result may be from it whatever the order of its additions. Every table is compared with it, the
// scalar one too. Source of the bounds: Higham 2002, sections 3.1 and 3.3; each function's comment counts its
// roundings.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "kernels/kernels.h"
#include "support/tolerance.h"

namespace headwise::kernels {

struct Bounded {
  double value = 0.0;
  double bound = 0.0;  // largest accepted difference
};

// Relative error of n roundings in a row: rounding_bound, or likely_rounding_bound for seeded values.
using RoundingBound = double (*)(int64_t n, double unit);

// Relative error of one exponential of a vector table, in roundings: "about 2 units in the last place" of
// elementwise-inl.h; a unit in the last place is two roundings.
inline constexpr int64_t kExponentialRoundings = 4;

std::vector<Bounded> expected_rms_norm(std::span<const float> x, std::span<const float> weight, float epsilon,
                                       RoundingBound rounding);
std::vector<Bounded> expected_rotate(std::span<const float> x, std::span<const float> cos,
                                     std::span<const float> sin, float scale);
std::vector<Bounded> expected_silu_multiply(std::span<const float> gate, std::span<const float> up);
std::vector<Bounded> expected_gelu_multiply(std::span<const float> gate, std::span<const float> up);
// [rows, outputs]
std::vector<Bounded> expected_multiply_rows(const MultiplyRowsArgs& args, RoundingBound rounding);

// The definition, with bf16 in the order of sums that `table` has.
KernelTable definition_of(const KernelTable& table);

// What an operation gives with a table's definition, made once for all tables that share it.
template <typename Operation>
class ByDefinition {
 public:
  explicit ByDefinition(Operation operation) : operation_(std::move(operation)) {}

  const auto& of(const KernelTable& table) {
    const KernelTable definition = definition_of(table);
    const auto [place, fresh] = found_.try_emplace(definition.bf16);
    if (fresh) place->second = operation_(definition);
    return place->second;
  }

 private:
  Operation operation_;
  std::map<const ReducedProducts*, std::invoke_result_t<Operation&, const KernelTable&>> found_;
};

// The place of the first value that is too far off (or not finite), or -1.
int64_t first_too_far(std::span<const float> found, std::span<const Bounded> expected);

}  // namespace headwise::kernels
