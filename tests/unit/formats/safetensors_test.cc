// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// safetensors: files of the reference writer (tests/golden/make_format_fixtures.py), and files that lie.
#include "formats/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

#include "base/file.h"
#include "support/paths.h"
#include "unit/formats/gguf_bytes.h"

namespace headwise {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing_support::as_bytes;
namespace fs = std::filesystem;

fs::path fixture(const char* name) { return test_data() / "formats" / name; }

std::string with_header(const std::string& header, size_t data_bytes) {
  const uint64_t length = header.size();
  return std::string(reinterpret_cast<const char*>(&length), 8) + header + std::string(data_bytes, 'x');
}

TEST(Safetensors, ReadsTheReferenceWritersFile) {
  auto file = SafetensorsFile::open(fixture("types.safetensors"));
  ASSERT_TRUE(file) << file.error().to_string();
  EXPECT_EQ(file->metadata().at("who"), "Grüße");
  ASSERT_NE(file->find_tensor("f32"), nullptr);
  EXPECT_EQ(file->find_tensor("f32")->dtype, DType::kF32);
  EXPECT_THAT(file->find_tensor("f32")->shape, ElementsAre(3, 4));
  EXPECT_EQ(file->find_tensor("f16")->dtype, DType::kF16);
  EXPECT_EQ(file->find_tensor("bf16")->dtype, DType::kBF16);
  EXPECT_EQ(file->find_tensor("bf16")->bytes, 24u);
  EXPECT_TRUE(file->find_tensor("scalar")->shape.empty());
  float scalar = 0;
  std::memcpy(&scalar, file->find_tensor("scalar")->data, sizeof scalar);
  EXPECT_EQ(scalar, 2.5f);
  EXPECT_EQ(file->find_tensor("i64"), nullptr);
  ASSERT_EQ(file->unsupported_tensors().size(), 1u);
  EXPECT_EQ(file->unsupported_tensors()[0].name, "i64");
  EXPECT_EQ(file->unsupported_tensors()[0].dtype, "I64");
}

TEST(Safetensors, FollowsTheIndexOfAFolder) {
  auto file = SafetensorsFile::open(fixture("sharded"));
  ASSERT_TRUE(file) << file.error().to_string();
  EXPECT_EQ(file->tensors().size(), 3u);
  float first[3];
  const char* names[] = {"a", "b", "c"};
  for (int i = 0; i < 3; ++i) std::memcpy(&first[i], file->find_tensor(names[i])->data, sizeof(float));
  EXPECT_EQ(first[1], first[0] + 1);
  EXPECT_EQ(first[2], first[0] + 2);
}

// A folder whose index and shards the test writes.
class SafetensorsFolder : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("headwise-safetensors-" + std::to_string(::getpid()));
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  void write(const std::string& name, const std::string& content) {
    std::ofstream(folder_ / name, std::ios::binary) << content;
  }
  void write_index(const std::string& weight_map) {
    write("model.safetensors.index.json", R"({"weight_map": )" + weight_map + "}");
  }
  void expect_failure(ErrorCode code, const char* message) {
    auto file = SafetensorsFile::open(folder_);
    ASSERT_FALSE(file);
    EXPECT_EQ(file.error().code(), code) << file.error().to_string();
    EXPECT_THAT(file.error().to_string(), HasSubstr(message));
  }
  const std::string shard_ = with_header(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 4);
  fs::path folder_;
};

TEST_F(SafetensorsFolder, HoldsNoModel) {
  expect_failure(ErrorCode::kNotFound, "neither model.safetensors nor model.safetensors.index.json");
  write("pytorch_model.bin", "");
  expect_failure(ErrorCode::kNotFound, "save the model as safetensors");
}

TEST_F(SafetensorsFolder, MissingShard) {
  write_index(R"({"a": "one.safetensors"})");
  expect_failure(ErrorCode::kNotFound, "one.safetensors");
}

TEST_F(SafetensorsFolder, ShardOutsideTheFolder) {
  for (const char* name :
       {"../one.safetensors", "/etc/one.safetensors", "sub/one.safetensors", "..\\\\one.safetensors",
        "one.safetensors\\u0000/x.safetensors", "/etc/passwd", ".."}) {
    write_index(R"({"a": ")" + std::string(name) + R"("})");
    expect_failure(ErrorCode::kInvalidInput,
                   "expected the plain name of a .safetensors file beside the index");
  }
}

TEST_F(SafetensorsFolder, TensorNotInItsShard) {
  write("one.safetensors", shard_);
  write_index(R"({"a": "one.safetensors", "b": "one.safetensors"})");
  expect_failure(ErrorCode::kInvalidInput, "tensor 'b' should be in 'one.safetensors', but is not");
}

TEST_F(SafetensorsFolder, TensorInTwoShards) {
  write("one.safetensors", shard_);
  write("two.safetensors", shard_);
  write_index(R"({"a": "one.safetensors", "b": "two.safetensors"})");
  expect_failure(ErrorCode::kInvalidInput, "tensor 'a' is in another shard as well");
}

TEST_F(SafetensorsFolder, IndexIsNotAnIndex) {
  for (const char* map : {"[]", "{}", "null", R"({"a": 1})", R"({"a": ["one.safetensors"]})"}) {
    write_index(map);
    auto file = SafetensorsFile::open(folder_);
    ASSERT_FALSE(file) << map;
    EXPECT_EQ(file.error().code(), ErrorCode::kInvalidInput);
  }
  write("model.safetensors.index.json", std::string(100000, '['));
  expect_failure(ErrorCode::kInvalidInput, "model.safetensors.index.json");
}

struct Lie {
  const char* name;
  std::string header;
  size_t data_bytes;
  const char* message;
};

std::string tensor(const char* dtype, const char* shape, const char* offsets) {
  return std::string(R"({"t":{"dtype":")") + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" +
         offsets + "}}";
}

const std::vector<Lie>& lies() {
  static const std::vector<Lie> rows{
      {"NotJson", "hello", 0, "the header is not JSON"},
      {"Empty", "", 0, "the header is not JSON"},
      {"CutJson", R"({"t":{"dtype":"F32")", 0, "the header is not JSON"},
      {"Array", "[]", 0, "the header holds an array where none belongs"},
      {"Number", "12", 0, "expected an object, found"},
      {"TensorIsNumber", R"({"t":1})", 0, "expected an object for the key 't'"},
      {"DeepNesting", std::string(100000, '['), 0, "holds an array where none belongs"},
      {"DeepObjects", R"({"t":{"x":{"y":{}}}})", 0, "holds an object where none belongs"},
      {"DuplicateTensor",
       R"({"t":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"t":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
       4, "the key 't' is there twice"},
      {"DuplicateKey", R"({"t":{"dtype":"F32","dtype":"F16","shape":[1],"data_offsets":[0,4]}})", 4,
       "is there twice"},
      {"NoDtype", R"({"t":{"shape":[1],"data_offsets":[0,4]}})", 4, "has no key 'dtype'"},
      {"NoShape", R"({"t":{"dtype":"F32","data_offsets":[0,4]}})", 4, "has no key 'shape'"},
      {"NoOffsets", R"({"t":{"dtype":"F32","shape":[1]}})", 4, "has no key 'data_offsets'"},
      {"NegativeDimension", tensor("F32", "[-1]", "[0,4]"), 4, "its shape holds -1"},
      {"FloatDimension", tensor("F32", "[1.0]", "[0,4]"), 4, "its shape holds 1.0"},
      {"HugeDimension", tensor("F32", "[99999999999999999999999]", "[0,4]"), 4,
       "its shape holds 99999999999999999999999"},
      {"StringDimension", tensor("F32", "[\"1\"]", "[0,4]"), 4, "expected a whole number"},
      {"NestedShape", tensor("F32", "[[1]]", "[0,4]"), 4, "holds an array where none belongs"},
      {"ShapeIsNumber", tensor("F32", "1", "[0,4]"), 4, "expected an array for the key 'shape'"},
      {"OneOffset", tensor("F32", "[1]", "[0]"), 4, "fewer than two data_offsets"},
      {"ThreeOffsets", tensor("F32", "[1]", "[0,4,8]"), 4, "more than two data_offsets"},
      {"NegativeOffset", tensor("F32", "[1]", "[-4,0]"), 4, "its data_offsets holds -4"},
      {"ReversedOffsets", tensor("F32", "[1]", "[4,0]"), 4, "claims the bytes 4 to 0"},
      {"PastTheEnd", tensor("F32", "[2]", "[0,8]"), 4, "claims the bytes 0 to 8 of the data, which has 4"},
      {"HugeOffsets", tensor("F32", "[1]", "[18446744073709551611,18446744073709551615]"), 4,
       "claims the bytes"},
      {"ShapeOverflow", tensor("F32", "[4294967296,4294967297]", "[0,4]"), 4, "more than any file can hold"},
      {"BitsOverflow", tensor("F64", "[4611686018427387904]", "[0,4]"), 4, "expected more than 2^61"},
      {"ZeroHidesOverflow", tensor("F32", "[0,18446744073709551615]", "[0,0]"), 0,
       "more than any file can hold"},
      {"TooFewBytes", tensor("F32", "[2]", "[0,4]"), 4, "spans 4 bytes; expected 8"},
      {"PartOfAByte", tensor("F4", "[3]", "[0,1]"), 1, "spans 1 bytes"},
      {"Overlap",
       R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",
       8, "they overlap"},
      {"SamePlace",
       R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
       4, "they overlap"},
      {"Hole",
       R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}})",
       12, "there is a hole"},
      {"HoleInFront", tensor("F32", "[1]", "[4,8]"), 8, "there is a hole"},
      {"TrailingData", tensor("F32", "[1]", "[0,4]"), 9, "end at byte 4 of the data, which has 9"},
      {"TrailingJson", tensor("F32", "[1]", "[0,4]") + "{}", 4, "not JSON"},
      {"MetadataNumber", R"({"__metadata__":{"a":1}})", 0, "__metadata__: expected a string"},
      {"MetadataObject", R"({"__metadata__":{"a":{}}})", 0, "__metadata__ holds an object"},
      {"InvalidUtf8", "{\"\xff\":1}", 0, "not JSON"},
  };
  return rows;
}

class SafetensorsLie : public testing::TestWithParam<Lie> {};

TEST_P(SafetensorsLie, IsRefusedWithTheReason) {
  const std::string bytes = with_header(GetParam().header, GetParam().data_bytes);
  auto file = SafetensorsFile::parse(as_bytes(bytes));
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code(), ErrorCode::kInvalidInput);
  EXPECT_THAT(file.error().to_string(), HasSubstr(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(Rows, SafetensorsLie, testing::ValuesIn(lies()),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(SafetensorsLie, HeaderLengths) {
  for (uint64_t claimed :
       {uint64_t{100}, uint64_t{100'000'001}, uint64_t{1} << 40, UINT64_MAX, UINT64_MAX - 7}) {
    std::string bytes(reinterpret_cast<const char*>(&claimed), 8);
    bytes += "{}";
    EXPECT_FALSE(SafetensorsFile::parse(as_bytes(bytes))) << claimed;
  }
  for (size_t size = 0; size < 8; ++size) {
    const std::string bytes(size, '\0');
    EXPECT_FALSE(SafetensorsFile::parse(as_bytes(bytes))) << size;
  }
}

TEST(SafetensorsLie, NoCutOrFlippedByteEscapes) {
  auto content = read_text_file(fixture("types.safetensors"));
  ASSERT_TRUE(content);
  for (size_t size = 0; size < content->size(); ++size) {
    const std::string cut = content->substr(0, size);
    EXPECT_FALSE(SafetensorsFile::parse(as_bytes(cut))) << size;
  }
  for (size_t i = 0; i < content->size(); ++i) {
    for (int flip : {0x01, 0x08, 0x80}) {
      std::string bytes = *content;
      bytes[i] = static_cast<char>(bytes[i] ^ flip);
      auto file = SafetensorsFile::parse(as_bytes(bytes));
      if (!file) continue;
      for (const TensorView& view : file->tensors()) {
        ASSERT_GE(view.data, as_bytes(bytes).data());
        ASSERT_LE(view.data + view.bytes, as_bytes(bytes).data() + bytes.size());
      }
    }
  }
}

}  // namespace
}  // namespace headwise
