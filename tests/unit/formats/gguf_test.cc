// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// GGUF files written by gguf-py (tests/golden/make_format_fixtures.py): every value and tensor type, splits.
#include "formats/gguf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "base/file.h"
#include "support/paths.h"
#include "unit/formats/gguf_bytes.h"

namespace headwise {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing_support::as_bytes;
using testing_support::GgufBytes;
namespace fs = std::filesystem;

fs::path fixture(const char* name) { return test_data() / "formats" / name; }

TEST(Gguf, ReadsEveryValueType) {
  auto file = GgufFile::open(fixture("types.gguf"));
  ASSERT_TRUE(file) << file.error().to_string();
  EXPECT_EQ(file->integer("test.uint8"), 255);
  EXPECT_EQ(file->integer("test.int8"), -128);
  EXPECT_EQ(file->integer("test.uint16"), 65535);
  EXPECT_EQ(file->integer("test.int16"), -32768);
  EXPECT_EQ(file->integer("test.uint32"), 4294967295);
  EXPECT_EQ(file->integer("test.int32"), -2147483648LL);
  EXPECT_EQ(file->integer("test.int64"), INT64_MIN);
  // Above what int64_t holds: no integer, but there.
  EXPECT_EQ(file->integer("test.uint64"), std::nullopt);
  EXPECT_EQ(file->real("test.uint64"), 9223372036854775808.0);
  EXPECT_EQ(file->real("test.float32"), 0.5);
  EXPECT_EQ(file->integer("test.float32"), std::nullopt);
  EXPECT_EQ(file->real("test.float64"), 0.1);
  EXPECT_EQ(file->real("test.uint8"), 255.0);
  EXPECT_EQ(file->boolean("test.bool"), true);
  EXPECT_EQ(file->integer("test.bool"), std::nullopt);
  ASSERT_NE(file->text("test.string"), nullptr);
  EXPECT_EQ(*file->text("test.string"), "Grüße");
  EXPECT_EQ(file->text("test.uint8"), nullptr);
  ASSERT_NE(file->integers("test.integers"), nullptr);
  EXPECT_THAT(*file->integers("test.integers"), ElementsAre(1, -2, 3));
  ASSERT_NE(file->reals("test.reals"), nullptr);
  EXPECT_THAT(*file->reals("test.reals"), ElementsAre(0.5, 2.0));
  ASSERT_NE(file->texts("test.strings"), nullptr);
  EXPECT_THAT(*file->texts("test.strings"), ElementsAre("", "x", "yz"));
  EXPECT_EQ(file->reals("test.integers"), nullptr);
  EXPECT_EQ(file->find("no.such.key"), nullptr);
}

TEST(Gguf, ReadsEveryTensorTypeAndListsTheOthers) {
  auto file = GgufFile::open(fixture("types.gguf"));
  ASSERT_TRUE(file) << file.error().to_string();
  EXPECT_EQ(file->tensors().size(), 11u);
  for (const char* name :
       {"F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q4_K", "Q5_K", "Q6_K"}) {
    const TensorView* tensor = file->find_tensor(name);
    ASSERT_NE(tensor, nullptr) << name;
    EXPECT_EQ(dtype_traits(tensor->dtype).name, name);
    EXPECT_THAT(tensor->shape, ElementsAre(2, 256));
    const DTypeTraits& traits = dtype_traits(tensor->dtype);
    EXPECT_EQ(tensor->bytes, 512u / traits.block_values * traits.block_bytes);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(tensor->data) % 32, 0u);
  }
  ASSERT_EQ(file->unsupported_tensors().size(), 2u);
  EXPECT_EQ(file->unsupported_tensors()[0].name, "Q2_K");
  EXPECT_EQ(ggml_type_name(file->unsupported_tensors()[0].ggml_type), "Q2_K");
  EXPECT_EQ(ggml_type_name(file->unsupported_tensors()[1].ggml_type), "IQ4_XS");
  EXPECT_THAT(file->unsupported_tensors()[1].shape, ElementsAre(2, 256));
  EXPECT_EQ(file->find_tensor("Q2_K"), nullptr);
  EXPECT_EQ(ggml_type_name(12345), "type 12345");
}

TEST(Gguf, FollowsSplitsFromAnyPart) {
  auto whole = GgufFile::open(fixture("tiny-llama.gguf"));
  ASSERT_TRUE(whole) << whole.error().to_string();
  for (const char* name :
       {"split-00001-of-00003.gguf", "split-00002-of-00003.gguf", "split-00003-of-00003.gguf"}) {
    auto split = GgufFile::open(fixture(name));
    ASSERT_TRUE(split) << split.error().to_string();
    EXPECT_EQ(split->integer("llama.block_count"), 1);
    ASSERT_EQ(split->tensors().size(), whole->tensors().size());
    for (const TensorView& tensor : whole->tensors()) {
      const TensorView* same = split->find_tensor(tensor.name);
      ASSERT_NE(same, nullptr) << tensor.name;
      EXPECT_EQ(same->shape, tensor.shape);
      ASSERT_EQ(same->bytes, tensor.bytes);
      EXPECT_EQ(std::memcmp(same->data, tensor.data, tensor.bytes), 0) << tensor.name;
    }
  }
}

class GgufSplitFolder : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("headwise-gguf-" + std::to_string(::getpid()));
    fs::create_directories(folder_);
    for (int part = 1; part <= 3; ++part) fs::copy_file(fixture(name(part).c_str()), folder_ / name(part));
  }
  void TearDown() override { fs::remove_all(folder_); }
  static std::string name(int part) { return "split-0000" + std::to_string(part) + "-of-00003.gguf"; }
  fs::path folder_;
};

TEST_F(GgufSplitFolder, NamesThePartThatIsMissing) {
  fs::remove(folder_ / name(2));
  auto file = GgufFile::open(folder_ / name(1));
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code(), ErrorCode::kNotFound);
  EXPECT_THAT(file.error().to_string(), HasSubstr("split-00002-of-00003.gguf"));
  EXPECT_THAT(file.error().to_string(), HasSubstr("part 2 of 3"));
}

TEST_F(GgufSplitFolder, RefusesAPartInAnothersPlace) {
  fs::copy_file(folder_ / name(3), folder_ / name(2), fs::copy_options::overwrite_existing);
  auto file = GgufFile::open(folder_ / name(1));
  ASSERT_FALSE(file);
  EXPECT_THAT(file.error().to_string(), HasSubstr("do not say that it is part 1 of 3"));
}

TEST_F(GgufSplitFolder, SaysWhatARenamedPartMustBeCalled) {
  fs::rename(folder_ / name(1), folder_ / "renamed.gguf");
  auto file = GgufFile::open(folder_ / "renamed.gguf");
  ASSERT_FALSE(file);
  EXPECT_THAT(file.error().to_string(), HasSubstr("-00001-of-00003.gguf"));
}

TEST(Gguf, ReadsVersion2AndOtherAlignments) {
  GgufBytes bytes;
  bytes.version = 2;
  bytes.alignment = 64;
  bytes.u32("general.alignment", 64).tensor("a", {2}, 0, 0).tensor("b", {2}, 0, 64).data(72);
  const std::string text = bytes.build();
  auto file = GgufFile::parse(as_bytes(text));
  ASSERT_TRUE(file) << file.error().to_string();
  EXPECT_EQ(file->find_tensor("b")->data - file->find_tensor("a")->data, 64);
}

TEST(Gguf, ReadsAFileWithoutTensors) {
  const std::string text = GgufBytes().text("general.architecture", "llama").build();
  auto file = GgufFile::parse(as_bytes(text));
  ASSERT_TRUE(file) << file.error().to_string();
  EXPECT_TRUE(file->tensors().empty());
}

}  // namespace
}  // namespace headwise
