// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "base/file.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <fstream>

namespace headwise {
namespace {

namespace fs = std::filesystem;

class FileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("headwise_file_test." + std::to_string(::getpid()));
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  fs::path folder_;
};

TEST_F(FileTest, WritesReadsAndMaps) {
  const fs::path path = folder_ / "a.txt";
  ASSERT_TRUE(write_file_atomically(path, "one"));
  ASSERT_TRUE(write_file_atomically(path, "two\n"));
  EXPECT_EQ(read_text_file(path).value(), "two\n");
  auto mapped = MappedFile::open(path);
  ASSERT_TRUE(mapped);
  EXPECT_EQ(mapped->bytes().size(), 4u);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()), 1)
      << "no temporary file left";
}

TEST_F(FileTest, NamesWhatIsMissing) {
  auto missing = read_text_file(folder_ / "nowhere");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code(), ErrorCode::kNotFound);
  EXPECT_NE(missing.error().message().find("nowhere"), std::string::npos);
  EXPECT_FALSE(read_text_file(folder_));
  EXPECT_FALSE(MappedFile::open(folder_));
  EXPECT_FALSE(MappedFile::open("/dev/zero")) << "not a regular file";
}

TEST_F(FileTest, NeverReplacesADevice) {
  const fs::path link = folder_ / "device";
  fs::create_symlink("/dev/null", link);
  Status status = write_file_atomically(link, "x");
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code(), ErrorCode::kIo);
  EXPECT_TRUE(fs::is_character_file(link));
  EXPECT_FALSE(write_file_atomically(folder_, "x"));
}

TEST_F(FileTest, FullDiskLeavesTheOldFile) {
  const fs::path path = folder_ / "kept.txt";
  ASSERT_TRUE(write_file_atomically(path, "old"));
  // A limit on file size stands in for a full disk: the kernel refuses the write half way.
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit small = before;
  small.rlim_cur = 100000;
  setrlimit(RLIMIT_FSIZE, &small);
  Status status = write_file_atomically(path, std::string(1000000, 'x'));
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, old_handler);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code(), ErrorCode::kResourceLimit);
  EXPECT_EQ(read_text_file(path).value(), "old");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()), 1);
}

}  // namespace
}  // namespace headwise
