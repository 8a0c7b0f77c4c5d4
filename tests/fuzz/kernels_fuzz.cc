// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Any bytes as a call of one entry of the kernel table: an operation, its sizes, its numbers. Every table of
// this processor must give what double precision gives, within the bound that no order of additions exceeds
// (support/kernel_reference.h), and exactly what the scalar table gives where an operation rounds once or
// never.
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <vector>

#include "base/aligned_buffer.h"
#include "kernels/linear.h"
#include "support/attention_case.h"
#include "support/kernel_reference.h"

namespace headwise::kernels {
namespace {

// The input, then numbers that follow from its last bytes: a short input is a whole call, too.
class Source {
 public:
  Source(const uint8_t* data, size_t size) : data_(data), left_(size) {}
  uint8_t byte() {
    if (left_ > 0) {
      --left_;
      state_ = state_ * 31 + *data_;
      return *data_++;
    }
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return static_cast<uint8_t>(state_ >> 56);
  }
  // In [least, most]; most - least < 256.
  int64_t between(int64_t least, int64_t most) { return least + byte() % (most - least + 1); }
  // `count` numbers of one magnitude, from 2^-13 to 2^6, drawn first.
  std::vector<float> values(int64_t count) {
    const float scale = std::ldexp(1.0f, static_cast<int>(between(0, 12)) - 21);
    std::vector<float> drawn(static_cast<size_t>(count));
    for (float& value : drawn) {
      const auto low = byte();
      value = scale * static_cast<float>(static_cast<int16_t>(byte() << 8 | low));
    }
    return drawn;
  }

 private:
  const uint8_t* data_;
  size_t left_;
  uint64_t state_ = 1;
};

[[noreturn]] void disagree(const char* operation, const KernelTable& table, int64_t at) {
  std::fprintf(stderr, "%s of %.*s differs at value %lld\n", operation, static_cast<int>(table.name.size()),
               table.name.data(), static_cast<long long>(at));
  std::abort();
}

void check(const char* operation, const KernelTable& table, const std::vector<float>& found,
           const std::vector<Bounded>& expected) {
  const int64_t at = first_too_far(found, expected);
  if (at >= 0) disagree(operation, table, at);
}

void check_exact(const char* operation, const KernelTable& table, const std::vector<float>& found,
                 const std::vector<float>& scalar) {
  for (size_t i = 0; i < found.size(); ++i) {
    const bool same = std::bit_cast<uint32_t>(found[i]) == std::bit_cast<uint32_t>(scalar[i]);
    // Processors differ in what becomes of a NaN's other bits.
    if (!same && !(std::isnan(found[i]) && std::isnan(scalar[i])))
      disagree(operation, table, static_cast<int64_t>(i));
  }
}

void fuzz_rms_norm(Source& source) {
  const int64_t width = source.between(1, 200);
  const auto x = source.values(width), weight = source.values(width);
  const float epsilon = std::ldexp(1.0f, -static_cast<int>(source.between(10, 24)));
  const auto expected = expected_rms_norm(x, weight, epsilon, rounding_bound);
  for (const KernelTable* table : available_kernels()) {
    std::vector<float> out(x.size());
    table->rms_norm(x.data(), weight.data(), width, epsilon, out.data());
    check("rms_norm", *table, out, expected);
  }
}

void fuzz_rotate(Source& source) {
  const int64_t half = source.between(1, 100);
  const auto x = source.values(2 * half), angles = source.values(half);
  const float scale = source.values(1)[0];
  std::vector<float> cos, sin;
  for (const float angle : angles) {
    cos.push_back(std::cos(angle));
    sin.push_back(std::sin(angle));
  }
  const auto expected = expected_rotate(x, cos, sin, scale);
  for (const KernelTable* table : available_kernels()) {
    auto out = x;
    table->rotate(out.data(), cos.data(), sin.data(), 2 * half, scale);
    check("rotate", *table, out, expected);
  }
}

using Gate = void (*KernelTable::*)(float* gate, const float* up, int64_t count);
using ExpectedGate = std::vector<Bounded> (*)(std::span<const float> gate, std::span<const float> up);

void fuzz_gate(Source& source, const char* name, Gate gate_multiply, ExpectedGate expected_gate) {
  const int64_t count = source.between(1, 200);
  auto gate = source.values(count);
  for (float& g : gate) g *= 4.0f;  // up to 256: beyond where the exponential ends
  const auto up = source.values(count);
  const auto expected = expected_gate(gate, up);
  for (const KernelTable* table : available_kernels()) {
    auto out = gate;
    (table->*gate_multiply)(out.data(), up.data(), count);
    check(name, *table, out, expected);
  }
}

void fuzz_silu_multiply(Source& source) {
  fuzz_gate(source, "silu_multiply", &KernelTable::silu_multiply, expected_silu_multiply);
}
void fuzz_gelu_multiply(Source& source) {
  fuzz_gate(source, "gelu_multiply", &KernelTable::gelu_multiply, expected_gelu_multiply);
}

void fuzz_add(Source& source) {
  const int64_t count = source.between(1, 200);
  const auto x = source.values(count), y = source.values(count);
  auto scalar = x;
  available_kernels().front()->add(scalar.data(), y.data(), count);
  for (const KernelTable* table : available_kernels()) {
    auto out = x;
    table->add(out.data(), y.data(), count);
    check_exact("add", *table, out, scalar);
  }
}

void fuzz_add_scaled(Source& source) {
  const int64_t count = source.between(1, 200);
  const auto x = source.values(count), y = source.values(count);
  const float scale = source.values(1)[0];
  auto scalar = x;
  available_kernels().front()->add_scaled(scalar.data(), y.data(), scale, count);
  for (const KernelTable* table : available_kernels()) {
    auto out = x;
    table->add_scaled(out.data(), y.data(), scale, count);
    check_exact("add_scaled", *table, out, scalar);
  }
}

void fuzz_add_low_rank(Source& source) {
  const int64_t rank = source.between(1, 17), inputs = source.between(1, 100), rows = source.between(1, 4);
  const int64_t first = source.between(0, 3);
  const auto a = source.values(rank * inputs), b = source.values((first + rows) * rank);
  const LowRank change{a.data(), b.data(), rank, source.values(1)[0]};
  const auto start = source.values(rows * inputs);
  auto scalar = start;
  available_kernels().front()->add_low_rank(change, first, rows, inputs, scalar.data());
  for (const KernelTable* table : available_kernels()) {
    auto out = start;
    table->add_low_rank(change, first, rows, inputs, out.data());
    check_exact("add_low_rank", *table, out, scalar);
  }
}

AttentionCase draw_case(Source& source) {
  AttentionCase c;
  c.width = source.between(1, 70);
  c.rows = source.between(1, 24);
  c.first_row = source.between(0, 80);
  for (int64_t ranges = source.between(0, 2); ranges > 0; --ranges) {
    c.context.push_back({c.own_begin, c.own_begin + source.between(1, 130)});
    c.own_begin = stored_keys(c.context.back().end);
  }
  c.shift = source.between(0, 3);
  c.gap = source.between(0, 5);
  return c;
}

AttentionNumbers draw_numbers(Source& source, const AttentionCase& c) {
  return {source.values(c.rows * c.width), source.values(c.slots() * c.width),
          source.values(c.slots() * c.width)};
}

void fuzz_attend(Source& source) {
  const AttentionCase c = draw_case(source);
  const AttentionNumbers numbers = draw_numbers(source, c);
  const auto expected = expected_attend(c, numbers, rounding_bound);
  for (const KernelTable* table : available_kernels()) {
    const CallResult result = attend(*table, c, numbers);
    if (result.overrun) disagree("attend (outside its output)", *table, 0);
    check("attend", *table, result.values, expected);
  }
}

void fuzz_read(Source& source) {
  const AttentionCase c = draw_case(source);
  const AttentionNumbers numbers = draw_numbers(source, c);
  const auto expected = expected_read(c, numbers, rounding_bound);
  for (const KernelTable* table : available_kernels()) {
    const CallResult result = read(*table, c, numbers);
    if (result.overrun) disagree("read (outside its output)", *table, 0);
    check("read", *table, result.values, expected);
  }
}

void fuzz_multiply_rows(Source& source) {
  const int64_t rows = source.between(1, 12), inputs = source.between(1, 100),
                outputs = source.between(1, 20);
  const auto x = source.values(rows * inputs), weights = source.values(outputs * inputs);
  std::vector<float> out(static_cast<size_t>(rows * outputs));
  const MultiplyRowsArgs args{x.data(), inputs, rows, weights.data(), outputs, inputs, out.data(), outputs};
  const auto expected = expected_multiply_rows(args, rounding_bound);
  for (const KernelTable* table : available_kernels()) {
    out.assign(out.size(), NAN);
    table->multiply_rows(args);
    check("multiply_rows", *table, out, expected);
  }
}

void fuzz_multiply_panels(Source& source) {
  const int64_t rows = source.between(1, 14), inputs = source.between(1, 100),
                outputs = source.between(1, 140);
  const auto x = source.values(rows * inputs), weights = source.values(outputs * inputs);
  std::vector<float> out(static_cast<size_t>(rows * outputs));
  const auto expected = expected_multiply_rows(
      {x.data(), inputs, rows, weights.data(), outputs, inputs, out.data(), outputs}, rounding_bound);
  for (const KernelTable* table : available_kernels()) {
    const Linear linear(*table);
    PackedLinear packed;
    PreparedMemory memory;
    linear.pack(weights.data(), outputs, inputs, LinearType::kFloat32, packed);
    out.assign(out.size(), NAN);
    linear.multiply(linear.prepare(x.data(), rows, inputs, LinearType::kFloat32, memory), packed, out.data());
    check("multiply_panels", *table, out, expected);
  }
}

// Where a table has them: the bits of the definition.
void fuzz_reduced(Source& source, const char* name, LinearType type) {
  const int64_t rows = source.between(1, 14), inputs = source.between(1, 100),
                outputs = source.between(1, 140);
  const auto x = source.values(rows * inputs), weights = source.values(outputs * inputs);
  const auto product = [&](const KernelTable& table) {
    const Linear linear(table);
    PackedLinear packed;
    PreparedMemory memory;
    linear.pack(weights.data(), outputs, inputs, type, packed);
    std::vector<float> out(static_cast<size_t>(rows * outputs), NAN);
    linear.multiply(linear.prepare(x.data(), rows, inputs, type, memory), packed, out.data());
    return out;
  };
  ByDefinition expected(product);
  for (const KernelTable* table : available_kernels()) {
    if (has_products(*table, type)) check_exact(name, *table, product(*table), expected.of(*table));
  }
}

void fuzz_int8(Source& source) { fuzz_reduced(source, "int8", LinearType::kInt8); }
void fuzz_bf16(Source& source) { fuzz_reduced(source, "bf16", LinearType::kBfloat16); }

void fuzz_dequantize(Source& source) {
  constexpr DType kTypes[] = {DType::kF32,  DType::kF16,  DType::kBF16, DType::kQ8_0,
                              DType::kQ4_0, DType::kQ4_1, DType::kQ5_0, DType::kQ5_1,
                              DType::kQ4_K, DType::kQ5_K, DType::kQ6_K};
  const DType dtype = kTypes[source.between(0, static_cast<int64_t>(std::size(kTypes)) - 1)];
  const int64_t blocks = source.between(1, 40);
  const DTypeTraits& traits = dtype_traits(dtype);
  const size_t shift = static_cast<size_t>(source.between(0, 3));
  std::vector<std::byte> stored(shift + static_cast<size_t>(blocks) * traits.block_bytes);
  for (std::byte& byte : stored) byte = static_cast<std::byte>(source.byte());
  const int64_t values = blocks * traits.block_values;
  std::vector<float> scalar(static_cast<size_t>(values)), out(scalar.size());
  available_kernels().front()->dequantize(dtype, stored.data() + shift, values, scalar.data());
  for (const KernelTable* table : available_kernels()) {
    table->dequantize(dtype, stored.data() + shift, values, out.data());
    check_exact("dequantize", *table, out, scalar);
  }
}

// A block of any type with any bytes in it, and one of its tiles.
void fuzz_decode(Source& source, const char* name,
                 void (*KernelTable::*decode)(const KeyBlock&, int64_t, int64_t, float*)) {
  constexpr KeptType kTypes[] = {KeptType::kFloat32, KeptType::kBfloat16, KeptType::kInt8};
  const int64_t width = source.between(1, 70), count = source.between(1, 150);
  const int64_t first = source.between(0, (count - 1) / kKeyTile) * kKeyTile;
  const auto bytes = static_cast<size_t>(stored_keys(count) * padded_width(width)) * sizeof(float);
  AlignedBuffer<std::byte> numbers(bytes);
  for (size_t i = 0; i < bytes; ++i) numbers[i] = static_cast<std::byte>(source.byte());
  const auto key_scales = source.values(width), value_scales = source.values(count);
  KeyBlock block;
  block.type = kTypes[source.between(0, 2)];
  block.keys = block.values = numbers.data();
  block.count = count;
  block.key_scales = key_scales.data();
  block.value_scales = value_scales.data();
  std::vector<float> scalar(static_cast<size_t>(kKeyTile * padded_width(width)), 0.0f),
      out(scalar.size(), 0.0f);
  (available_kernels().front()->*decode)(block, first, width, scalar.data());
  for (const KernelTable* table : available_kernels()) {
    (table->*decode)(block, first, width, out.data());
    check_exact(name, *table, out, scalar);
  }
}

void fuzz_decode_keys(Source& source) { fuzz_decode(source, "decode_keys", &KernelTable::decode_keys); }
void fuzz_decode_values(Source& source) { fuzz_decode(source, "decode_values", &KernelTable::decode_values); }

// One for each entry of KernelTable, in its order.
constexpr void (*kOperations[])(Source&) = {
    fuzz_rms_norm,     fuzz_rotate,     fuzz_silu_multiply, fuzz_gelu_multiply,   fuzz_add,  fuzz_add_scaled,
    fuzz_attend,       fuzz_read,       fuzz_multiply_rows, fuzz_multiply_panels, fuzz_int8, fuzz_bf16,
    fuzz_add_low_rank, fuzz_dequantize, fuzz_decode_keys,   fuzz_decode_values};
static_assert(sizeof(KernelTable) ==
                  sizeof(std::string_view) + std::size(kOperations) * sizeof(void (*)()) + sizeof(int64_t),
              "an entry of the kernel table is not fuzzed");

}  // namespace
}  // namespace headwise::kernels

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  headwise::kernels::Source source(data + 1, size - 1);
  headwise::kernels::kOperations[data[0] % std::size(headwise::kernels::kOperations)](source);
  return 0;
}
