// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Norm, rotary, gate and addition of every instruction set against the definition, over lengths that leave
// every remainder and over misaligned starts; nothing may be written past the end.
#include <gtest/gtest.h>

#include <cmath>

#include "unit/kernels/random_values.h"

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

void expect_close(const std::vector<float>& ours, const std::vector<float>& definition, double tolerance,
                  std::string_view table) {
  ASSERT_EQ(ours.size(), definition.size());
  for (size_t i = 0; i < ours.size(); ++i) {
    ASSERT_NEAR(ours[i], definition[i], tolerance * (1.0 + std::abs(definition[i]))) << table << " at " << i;
  }
}

TEST(Kernels, RmsNormAgreesWithTheDefinition) {
  for (const KernelTable* table : vector_tables()) {
    for_each_length([&](int64_t length, int64_t offset) {
      const auto x = random_values(length + offset, 1);
      const auto weight = random_values(length + offset, 2);
      std::vector<float> ours(static_cast<size_t>(length + offset + 1), kUntouched);
      std::vector<float> definition = ours;
      table->rms_norm(x.data() + offset, weight.data() + offset, length, 1e-5f, ours.data() + offset);
      definition_table()->rms_norm(x.data() + offset, weight.data() + offset, length, 1e-5f,
                                   definition.data() + offset);
      expect_close(ours, definition, 2e-6, table->name);
      EXPECT_EQ(ours.back(), kUntouched);
    });
  }
}

TEST(Kernels, RotateAgreesWithTheDefinition) {
  for (const KernelTable* table : vector_tables()) {
    for_each_length([&](int64_t half, int64_t offset) {
      const auto angles = random_values(half, 3, 10.0f);
      std::vector<float> cos;
      std::vector<float> sin;
      for (float angle : angles) {
        cos.push_back(std::cos(angle));
        sin.push_back(std::sin(angle));
      }
      auto ours = random_values(2 * half + offset + 1, 4);
      auto definition = ours;
      table->rotate(ours.data() + offset, cos.data(), sin.data(), 2 * half, 0.125f);
      definition_table()->rotate(definition.data() + offset, cos.data(), sin.data(), 2 * half, 0.125f);
      expect_close(ours, definition, 1e-6, table->name);
      EXPECT_EQ(ours.back(), definition.back());
    });
  }
}

TEST(Kernels, SiluMultiplyAgreesWithTheDefinition) {
  for (const KernelTable* table : vector_tables()) {
    for_each_length([&](int64_t length, int64_t offset) {
      auto ours = random_values(length + offset + 1, 5, 8.0f);
      if (length > 10) {
        ours[static_cast<size_t>(offset)] = -200.0f;  // exp would overflow
        ours[static_cast<size_t>(offset + 1)] = 200.0f;
        ours[static_cast<size_t>(offset + 2)] = 0.0f;
      }
      auto definition = ours;
      const auto up = random_values(length, 6);
      table->silu_multiply(ours.data() + offset, up.data(), length);
      definition_table()->silu_multiply(definition.data() + offset, up.data(), length);
      expect_close(ours, definition, 2e-6, table->name);
      EXPECT_EQ(ours.back(), definition.back());
    });
  }
}

TEST(Kernels, AddAgreesWithTheDefinition) {
  for (const KernelTable* table : vector_tables()) {
    for_each_length([&](int64_t length, int64_t offset) {
      auto ours = random_values(length + offset + 1, 7);
      auto definition = ours;
      const auto more = random_values(length, 8);
      table->add(ours.data() + offset, more.data(), length);
      definition_table()->add(definition.data() + offset, more.data(), length);
      EXPECT_EQ(ours, definition) << table->name;
    });
  }
}

}  // namespace
}  // namespace headwise::kernels
