// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Norm, rotary, gate and addition of every instruction set against double precision, within bounds counted
// from their roundings, over lengths that leave every remainder and over misaligned starts; nothing may be
// written past the end.
#include <gtest/gtest.h>

#include <cmath>
#include <span>

#include "support/kernel_reference.h"
#include "support/kernel_tables.h"
#include "support/random_values.h"

namespace headwise::kernels {
namespace {

constexpr float kUntouched = 12345.0f;

// Calls body(length, offset) for lengths 1..2N+some and three misalignments.
template <typename Body>
void for_each_length(const Body& body) {
  for (int64_t length = 1; length <= 67; ++length) {
    for (int64_t offset : {0, 1, 3}) body(length, offset);
  }
  body(576, 0);
  body(1536, 1);
}

// Values behind `offset` floats, and one float behind them that nobody may write to.
struct Placed {
  Placed(const std::vector<float>& values, int64_t offset) : memory(static_cast<size_t>(offset), kUntouched) {
    begin = memory.size();
    memory.insert(memory.end(), values.begin(), values.end());
    memory.push_back(kUntouched);
  }
  float* data() { return memory.data() + begin; }
  void expect(const std::vector<Bounded>& expected) {
    EXPECT_EQ(memory.back(), kUntouched);
    const int64_t at = first_too_far(std::span(memory).subspan(begin), expected);
    if (at < 0) return;
    const auto i = static_cast<size_t>(at);
    ADD_FAILURE() << "length " << expected.size() << ", value " << at << ": " << memory[begin + i]
                  << ", expected " << expected[i].value << " within " << expected[i].bound;
  }
  std::vector<float> memory;
  size_t begin;
};

class Elementwise : public EveryTable {};
INSTANTIATE_TEST_SUITE_P(Isa, Elementwise, testing::ValuesIn(built_tables()), table_test_name);

TEST_P(Elementwise, RmsNorm) {
  for_each_length([&](int64_t length, int64_t offset) {
    const auto x = random_values(length, 1);
    const auto weight = random_values(length, 2);
    Placed from(x, offset), by(weight, offset), out(std::vector<float>(x.size(), kUntouched), offset);
    table().rms_norm(from.data(), by.data(), length, 1e-5f, out.data());
    const auto expected = expected_rms_norm(x, weight, 1e-5f, likely_rounding_bound);
    out.expect(expected);
    table().rms_norm(from.data(), by.data(), length, 1e-5f, from.data());  // out may be x
    from.expect(expected);
  });
}

TEST_P(Elementwise, Rotate) {
  for_each_length([&](int64_t half, int64_t offset) {
    std::vector<float> cos, sin;
    for (const float angle : random_values(half, 3, 10.0f)) {
      cos.push_back(std::cos(angle));
      sin.push_back(std::sin(angle));
    }
    const auto x = random_values(2 * half, 4);
    Placed turned(x, offset);
    table().rotate(turned.data(), cos.data(), sin.data(), 2 * half, 0.3f);
    turned.expect(expected_rotate(x, cos, sin, 0.3f));
  });
}

TEST_P(Elementwise, SiluMultiply) {
  for_each_length([&](int64_t length, int64_t offset) {
    auto gate = random_values(length, 5, 8.0f);
    if (length > 10) {
      gate[0] = -200.0f;  // exp would overflow
      gate[1] = 200.0f;
      gate[2] = 0.0f;
      gate[3] = -86.5f;
    }
    const auto up = random_values(length, 6);
    Placed product(gate, offset);
    table().silu_multiply(product.data(), up.data(), length);
    product.expect(expected_silu_multiply(gate, up));
  });
}

TEST_P(Elementwise, GeluMultiply) {
  for_each_length([&](int64_t length, int64_t offset) {
    auto gate = random_values(length, 5, 3.0f);
    if (length > 10) {
      gate[0] = -200.0f;  // exp would overflow
      gate[1] = 200.0f;
      gate[2] = 0.0f;
      gate[3] = -6.5f;
    }
    const auto up = random_values(length, 6);
    Placed product(gate, offset);
    table().gelu_multiply(product.data(), up.data(), length);
    product.expect(expected_gelu_multiply(gate, up));
  });
}

TEST_P(Elementwise, Add) {
  for_each_length([&](int64_t length, int64_t offset) {
    const auto x = random_values(length, 7);
    const auto y = random_values(length, 8);
    std::vector<Bounded> exact;
    for (size_t i = 0; i < x.size(); ++i) exact.push_back({static_cast<double>(x[i] + y[i]), 0.0});
    Placed sum(x, offset);
    table().add(sum.data(), y.data(), length);
    sum.expect(exact);
  });
}

}  // namespace
}  // namespace headwise::kernels
