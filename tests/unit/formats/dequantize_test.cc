// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Dequantisation is exact: the bits of gguf-py's reference (tests/golden/make_dequant_fixtures.py) for blocks
// of random bytes, and of a definition by ldexp for every half there is.
#include "kernels/dequantize.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "base/file.h"
#include "kernels/kernels.h"
#include "support/paths.h"

namespace headwise {
namespace {

constexpr DType kEvery[] = {DType::kF32,  DType::kF16,  DType::kBF16, DType::kQ8_0,
                            DType::kQ4_0, DType::kQ4_1, DType::kQ5_0, DType::kQ5_1,
                            DType::kQ4_K, DType::kQ5_K, DType::kQ6_K};

class Dequantize : public testing::TestWithParam<DType> {
 protected:
  static std::string fixture(DType dtype, const char* ending) {
    return test_data().string() + "/dequantize/" + std::string(dtype_traits(dtype).name) + ending;
  }
};

TEST_P(Dequantize, EqualsTheReferenceBitForBit) {
  const DTypeTraits& traits = dtype_traits(GetParam());
  auto blocks = read_text_file(fixture(GetParam(), ".blocks"));
  auto expected_bytes = read_text_file(fixture(GetParam(), ".f32"));
  ASSERT_TRUE(blocks && expected_bytes);
  const size_t values = expected_bytes->size() / sizeof(float);
  ASSERT_EQ(blocks->size() / traits.block_bytes * traits.block_values, values);
  ASSERT_EQ(values, 2048u);
  std::vector<float> expected(values);
  std::memcpy(expected.data(), expected_bytes->data(), expected_bytes->size());

  // In every table, whatever the alignment of the stored bytes, and in runs as short as one block.
  for (const kernels::KernelTable* table : kernels::available_kernels()) {
    for (size_t shift : {0u, 1u, 3u}) {
      std::vector<std::byte> stored(blocks->size() + shift);
      std::memcpy(stored.data() + shift, blocks->data(), blocks->size());
      std::vector<float> whole(values, -1.0f);
      table->dequantize(GetParam(), stored.data() + shift, static_cast<int64_t>(values), whole.data());
      std::vector<float> pieces(values, -1.0f);
      for (size_t i = 0; i < values; i += traits.block_values) {
        table->dequantize(GetParam(), stored.data() + shift + i / traits.block_values * traits.block_bytes,
                          traits.block_values, pieces.data() + i);
      }
      for (size_t i = 0; i < values; ++i) {
        ASSERT_EQ(std::bit_cast<uint32_t>(whole[i]), std::bit_cast<uint32_t>(expected[i]))
            << table->name << " value " << i << ": " << whole[i] << ", expected " << expected[i]
            << ", alignment " << shift;
        ASSERT_EQ(std::bit_cast<uint32_t>(pieces[i]), std::bit_cast<uint32_t>(expected[i]))
            << table->name << " value " << i;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(EveryType, Dequantize, testing::ValuesIn(kEvery),
                         [](const auto& row) { return std::string(dtype_traits(row.param).name); });

TEST(DequantizeHalf, EveryHalfThereIs) {
  std::vector<uint16_t> halves(65536);
  for (uint32_t i = 0; i < 65536; ++i) halves[i] = static_cast<uint16_t>(i);
  std::vector<float> floats(65536);
  kernels::dequantize(DType::kF16, reinterpret_cast<const std::byte*>(halves.data()), 65536, floats.data());
  for (uint32_t i = 0; i < 65536; ++i) {
    const int exponent = static_cast<int>((i >> 10) & 31);
    const auto mantissa = static_cast<double>(i & 1023);
    const double sign = (i & 0x8000) != 0 ? -1.0 : 1.0;
    if (exponent == 31 && mantissa != 0) {
      EXPECT_TRUE(std::isnan(floats[i])) << i;
      continue;
    }
    const double expected = exponent == 31  ? INFINITY
                            : exponent == 0 ? std::ldexp(mantissa, -24)
                                            : std::ldexp(1024.0 + mantissa, exponent - 25);
    ASSERT_EQ(std::bit_cast<uint32_t>(floats[i]),
              std::bit_cast<uint32_t>(static_cast<float>(sign * expected)))
        << i;
  }
}

TEST(DequantizeHalf, NoValuesIsNothing) { kernels::dequantize(DType::kQ4_K, nullptr, 0, nullptr); }

}  // namespace
}  // namespace headwise
