// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// GGUF files that lie. One row an attack: what is wrong, what the message must say. Then every cut and every
// byte flipped of two real files: an error or a file whose every view lies inside it, never more.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <string>

#include "base/file.h"
#include "formats/gguf.h"
#include "support/paths.h"
#include "unit/formats/gguf_bytes.h"

namespace headwise {
namespace {

using testing::HasSubstr;
using testing_support::as_bytes;
using testing_support::GgufBytes;

constexpr uint64_t kHuge = 1'000'000'000'000'000'000;  // 10^18

struct Attack {
  const char* name;
  std::function<void(GgufBytes&)> build;
  const char* message;
  ErrorCode code = ErrorCode::kInvalidInput;
};

std::string array_of(uint32_t type, uint64_t count, std::string_view bytes = "") {
  std::string text;
  GgufBytes::put<uint32_t>(text, type);
  GgufBytes::put<uint64_t>(text, count);
  return text + std::string(bytes);
}

std::string length(uint64_t bytes) {
  std::string text;
  GgufBytes::put<uint64_t>(text, bytes);
  return text;
}

std::vector<Attack> attacks_on_the_header() {
  return {
      {"Magic", [](GgufBytes& f) { f.magic = 0x12345678; },
       "byte 0: not a GGUF file: expected the bytes 'GGUF'"},
      {"Version", [](GgufBytes& f) { f.version = 4; }, "version 4", ErrorCode::kUnsupported},
      {"VersionZero", [](GgufBytes& f) { f.version = 0; }, "version 0", ErrorCode::kUnsupported},
      {"BigEndian", [](GgufBytes& f) { f.version = 0x03000000; }, "big-endian", ErrorCode::kUnsupported},
      {"TensorCount", [](GgufBytes& f) { f.claimed_tensors = kHuge; },
       "byte 8: the file claims 1000000000000000000 tensors"},
      {"TensorCountOverflow", [](GgufBytes& f) { f.claimed_tensors = UINT64_MAX; }, "tensors, more than"},
      {"PairCount", [](GgufBytes& f) { f.claimed_pairs = kHuge; },
       "byte 16: the file claims 1000000000000000000 key-value pairs"},
      {"KeyLength",
       [](GgufBytes& f) {
         f.claimed_pairs = 1, f.data(length(1 << 20) + std::string(100, 'x')), f.alignment = 1;
       },
       "claims 1048576 bytes; at most 65535"},
      {"EmptyKey", [](GgufBytes& f) { f.u32("", 1); }, "the name of key 0 is empty"},
      {"DuplicateKey", [](GgufBytes& f) { f.u32("k", 1).u32("k", 2); }, "key 'k' is there twice"},
      {"ValueType", [](GgufBytes& f) { f.raw_key("k", 13, std::string(32, '\0')); },
       "the type of key 'k' is 13"},
      {"StringLength", [](GgufBytes& f) { f.raw_key("k", 8, length(kHuge)); },
       "key 'k' needs 1000000000000000000 bytes"},
      {"Boolean", [](GgufBytes& f) { f.number<uint8_t>("k", 7, 2); }, "expected 0 or 1, found 2"},
      {"ArrayType", [](GgufBytes& f) { f.raw_key("k", 9, array_of(99, 1, "xxxx")); },
       "the element type of key 'k' is 99"},
      {"ArrayLength", [](GgufBytes& f) { f.raw_key("k", 9, array_of(4, kHuge)); },
       "claims 1000000000000000000 elements"},
      {"ArrayLengthOverflow", [](GgufBytes& f) { f.raw_key("k", 9, array_of(10, UINT64_MAX / 4)); },
       "elements of at least 8"},
      {"ArrayOfStrings", [](GgufBytes& f) { f.raw_key("k", 9, array_of(8, 2, length(0) + length(99))); },
       "an element of key 'k'"},
      {"ArrayOfBooleans", [](GgufBytes& f) { f.raw_key("k", 9, array_of(7, 2, "\1\7")); }, "found 7"},
      {"NestedArray", [](GgufBytes& f) { f.raw_key("k", 9, array_of(9, 1, array_of(4, 0))); },
       "an array of arrays", ErrorCode::kUnsupported},
      {"AlignmentZero", [](GgufBytes& f) { f.u32("general.alignment", 0); },
       "power of two from 8 to 2147483648, found 0"},
      {"AlignmentOdd", [](GgufBytes& f) { f.u32("general.alignment", 48); }, "found 48"},
      {"AlignmentText", [](GgufBytes& f) { f.text("general.alignment", "32"); }, "found no integer"},
  };
}

std::vector<Attack> attacks_on_tensors() {
  return {
      {"EmptyTensorName", [](GgufBytes& f) { f.tensor("", {2}, 0, 0).data(8); },
       "the name of tensor 0 is empty"},
      {"DuplicateTensor", [](GgufBytes& f) { f.tensor("t", {2}, 0, 0).tensor("t", {2}, 0, 32).data(64); },
       "tensor 't' is there twice"},
      {"NoDimensions", [](GgufBytes& f) { f.tensor("t", {}, 0, 0).data(64); },
       "has 0 dimensions; expected 1 to 4"},
      {"FiveDimensions",
       [](GgufBytes& f) {
         f.tensor("t", {1, 1, 1, 1, 1}, 0, 0).data(64);
       },
       "has 5 dimensions"},
      {"ZeroDimension", [](GgufBytes& f) { f.tensor("t", {0}, 0, 0).data(64); },
       "dimension 0 of tensor 't' is 0"},
      {"ShapeOverflow",
       [](GgufBytes& f) {
         f.tensor("t", {1ULL << 32, 1ULL << 32}, 0, 0).data(64);
       },
       "dimension 1 of tensor 't' is 4294967296"},
      {"ShapeOverflowToSmall",
       [](GgufBytes& f) {
         f.tensor("t", {(1ULL << 63) + 2, 2}, 0, 0).data(64);
       },
       "which no file can hold"},
      {"BytesOverflow", [](GgufBytes& f) { f.tensor("t", {1ULL << 62}, 0, 0).data(64); },
       "more bytes than a file can hold"},
      {"PartOfABlock", [](GgufBytes& f) { f.tensor("t", {33}, 2, 0).data(64); },
       "rows of 33 values, not a multiple of the 32"},
      {"PartOfABigBlock",
       [](GgufBytes& f) {
         f.tensor("t", {128, 2}, 12, 0).data(512);
       },
       "256 values in a block of Q4_K"},
      {"UnalignedOffset", [](GgufBytes& f) { f.tensor("t", {2}, 0, 8).data(64); },
       "offset 8, not a multiple of the alignment 32"},
      {"OffsetOutside", [](GgufBytes& f) { f.tensor("t", {2}, 0, 1 << 20).data(64); }, "has only 64 bytes"},
      {"OffsetOverflow", [](GgufBytes& f) { f.tensor("t", {2}, 0, UINT64_MAX - 31).data(64); },
       "has only 64 bytes"},
      {"PastTheEnd", [](GgufBytes& f) { f.tensor("t", {17}, 0, 0).data(64); }, "takes 68 bytes"},
      {"NoData", [](GgufBytes& f) { f.tensor("t", {2}, 0, 0); }, "has only 0 bytes"},
      {"Overlap", [](GgufBytes& f) { f.tensor("a", {16}, 0, 0).tensor("b", {2}, 0, 32).data(64); },
       "tensors 'a' (offset 0, 64 bytes) and 'b' (offset 32) overlap"},
      {"SamePlace", [](GgufBytes& f) { f.tensor("a", {2}, 0, 32).tensor("b", {2}, 0, 32).data(64); },
       "overlap"},
      {"UnknownTypeOutside", [](GgufBytes& f) { f.tensor("t", {2}, 999, 1 << 20).data(64); },
       "has only 64 bytes"},
  };
}

const std::vector<Attack>& attacks() {
  static const std::vector<Attack> rows = [] {
    std::vector<Attack> all = attacks_on_the_header();
    const std::vector<Attack> tensors = attacks_on_tensors();
    all.insert(all.end(), tensors.begin(), tensors.end());
    return all;
  }();
  return rows;
}

class GgufAttack : public testing::TestWithParam<Attack> {};

TEST_P(GgufAttack, IsRefusedWithTheReason) {
  GgufBytes bytes;
  GetParam().build(bytes);
  const std::string text = bytes.build();
  auto file = GgufFile::parse(as_bytes(text));
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code(), GetParam().code) << file.error().to_string();
  EXPECT_THAT(file.error().to_string(), HasSubstr(GetParam().message));
  EXPECT_THAT(file.error().to_string(), HasSubstr(", byte "));
}

INSTANTIATE_TEST_SUITE_P(Rows, GgufAttack, testing::ValuesIn(attacks()),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(GgufAttack, TellsWhatElseTheFileIs) {
  const std::string pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n";
  auto file = GgufFile::parse(as_bytes(pointer));
  ASSERT_FALSE(file);
  EXPECT_THAT(file.error().to_string(), HasSubstr("Git LFS pointer"));
  for (const char* text : {"", "G", "GGUF", "GGUF\3\0\0\0"}) {
    const std::string bytes(text);
    EXPECT_FALSE(GgufFile::parse(as_bytes(bytes))) << bytes;
  }
}

// Names are shown without the control characters they may carry.
TEST(GgufAttack, NamesCannotDriveTheTerminal) {
  GgufBytes bytes;
  bytes.u32("\x1b[2Jk\xff", 1).u32("\x1b[2Jk\xff", 1);
  const std::string text = bytes.build();
  auto file = GgufFile::parse(as_bytes(text));
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().to_string().find('\x1b'), std::string::npos);
  EXPECT_THAT(file.error().to_string(), HasSubstr("?[2Jk\xEF\xBF\xBD"));
}

// Reads every byte that the views claim; AddressSanitizer sees one outside.
void touch(const GgufFile& file, std::span<const std::byte> bytes) {
  unsigned sum = 0;
  for (const TensorView& tensor : file.tensors()) {
    ASSERT_GE(tensor.data, bytes.data());
    ASSERT_LE(tensor.data + tensor.bytes, bytes.data() + bytes.size());
    for (size_t i = 0; i < tensor.bytes; ++i) sum += static_cast<unsigned>(tensor.data[i]);
  }
  ASSERT_NE(sum, 1u << 31);
}

class GgufDamage : public testing::TestWithParam<const char*> {
 protected:
  std::string content() const {
    auto text = read_text_file(test_data() / "formats" / GetParam());
    return text ? *text : std::string();
  }
};

TEST_P(GgufDamage, EveryCutIsAnError) {
  const std::string whole = content();
  ASSERT_FALSE(whole.empty());
  ASSERT_TRUE(GgufFile::parse(as_bytes(whole)));
  // The last tensor may be followed by padding that nothing needs.
  for (size_t size = 0; size + 64 < whole.size(); ++size) {
    const std::string cut = whole.substr(0, size);
    EXPECT_FALSE(GgufFile::parse(as_bytes(cut))) << size << " of " << whole.size() << " bytes were enough";
  }
}

TEST_P(GgufDamage, NoFlippedByteEscapes) {
  std::string bytes = content();
  int survivors = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    for (int flip : {0x01, 0x80, 0xff}) {
      bytes[i] = static_cast<char>(bytes[i] ^ flip);
      if (auto file = GgufFile::parse(as_bytes(bytes))) {
        touch(*file, as_bytes(bytes));
        ++survivors;
      } else {
        EXPECT_FALSE(file.error().message().empty());
      }
      bytes[i] = static_cast<char>(bytes[i] ^ flip);
    }
  }
  EXPECT_GT(survivors, 0);  // weights may be any bytes
}

INSTANTIATE_TEST_SUITE_P(Files, GgufDamage, testing::Values("tiny-llama.gguf", "types.gguf"),
                         [](const auto& row) { return std::string(row.param, 4); });

}  // namespace
}  // namespace headwise
