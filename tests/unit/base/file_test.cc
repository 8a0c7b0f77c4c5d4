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

TEST_F(FileTest, WritesThroughLinks) {
  fs::create_directories(folder_ / "results");
  fs::create_symlink("results", folder_ / "latest");
  fs::create_symlink("latest/run.txt", folder_ / "relative");
  fs::create_symlink(folder_ / "relative", folder_ / "chain");
  ASSERT_TRUE(write_file_atomically(folder_ / "chain", "one"));  // what it leads to is not there yet
  EXPECT_EQ(read_text_file(folder_ / "results/run.txt").value(), "one");
  ASSERT_TRUE(write_file_atomically(folder_ / "chain", "two"));
  EXPECT_EQ(read_text_file(folder_ / "results/run.txt").value(), "two");
  for (const char* link : {"chain", "relative", "latest"})
    EXPECT_TRUE(fs::is_symlink(folder_ / link)) << link;
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_ / "results"), fs::directory_iterator()), 1);

  fs::create_symlink("loop", folder_ / "loop");
  const Status loop = write_file_atomically(folder_ / "loop", "x");
  ASSERT_FALSE(loop);
  EXPECT_NE(loop.error().message().find("cannot follow"), std::string::npos) << loop.error().message();
  fs::create_symlink("nowhere/run.txt", folder_ / "astray");
  EXPECT_FALSE(write_file_atomically(folder_ / "astray", "x"));
  EXPECT_TRUE(fs::is_symlink(folder_ / "astray"));
}

TEST_F(FileTest, KeepsTheModeOfWhatWasThere) {
  const fs::path path = folder_ / "private";
  ASSERT_TRUE(write_file_atomically(path, "one"));
  fs::permissions(path, fs::perms::owner_read | fs::perms::owner_write);
  ASSERT_TRUE(write_file_atomically(path, "two"));
  EXPECT_EQ(fs::status(path).permissions(), fs::perms::owner_read | fs::perms::owner_write);
}

TEST_F(FileTest, SaysWhatIsNoPlainText) {
  using namespace std::string_literals;
  const struct {
    std::string content;
    const char* words;
  } rows[] = {{"\x1F\x8B\x08\0rest"s, "gzip"},
              {"\x28\xB5\x2F\xFDrest"s, "zstd"},
              {"\xFD"
               "7zXZ\0rest"s,
               "xz"},
              {"BZh91AY"s, "bzip2"},
              {"PK\x03\x04rest"s, "zip"},
              {"\xFF\xFEq\0"s, "iconv -f UTF-16"},
              {"\xFE\xFF\0q"s, "UTF-16"},
              {"\xFF\xFE\0\0q\0\0\0"s, "UTF-32"},
              {"q\0"
               "1\0 \0"
               "0\0"s,
               "UTF-16"},
              {"\0q\0"
               "1\0 \0"
               "0"s,
               "UTF-16"}};
  for (const auto& row : rows) {
    ASSERT_TRUE(write_file_atomically(folder_ / "r", row.content));
    const auto text = read_text_file(folder_ / "r");
    ASSERT_FALSE(text) << row.words;
    EXPECT_EQ(text.error().code(), ErrorCode::kInvalidInput);
    EXPECT_NE(text.error().message().find(row.words), std::string::npos) << text.error().message();
    EXPECT_EQ(read_file(folder_ / "r").value(), row.content);
  }
  for (const std::string& fine : {""s, "q"s, "\xEF\xBB\xBFq1 0 d 1\n"s, "a\0b c d e f"s, "BZh"s,
                                  "PK is short"s, "\0\0\0\0\0\0\0\0\0\0"s}) {
    EXPECT_TRUE(require_plain_text(fine, "r")) << fine;
  }
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
