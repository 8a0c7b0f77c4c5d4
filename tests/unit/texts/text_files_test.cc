// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Files by their endings, their encodings, program text, paragraphs.
#include "formats/text_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <string>

namespace headwise {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> texts(const Sections& sections) {
  std::vector<std::string> found;
  for (const Section& section : sections) found.push_back(section.text);
  return found;
}

std::vector<std::string> titles(const Sections& sections) {
  std::vector<std::string> found;
  for (const Section& section : sections) found.push_back(section.title);
  return found;
}

TEST(TextFiles, AreKnownByTheirEndings) {
  for (const char* name : {"a.txt", "B.TXT", "a.b.md", "x.HtMl", "dir/x.pdf", "a.cc", "a.PY"})
    EXPECT_TRUE(is_text_file(name)) << name;
  for (const char* name : {"a", "a.", ".txt", "a.png", "a.txt.gz", "a.t xt", "txt", "a.md txt", "a. "})
    EXPECT_FALSE(is_text_file(name)) << name;
  EXPECT_TRUE(is_pdf_file("a.PDF"));
  EXPECT_FALSE(is_pdf_file("a.txt"));
}

TEST(TextBytes, AreUtf8InTheEnd) {
  EXPECT_EQ(*text_of_bytes("caf\u00e9"), "caf\u00e9");
  EXPECT_EQ(*text_of_bytes("\xEF\xBB\xBFx"), "x");
  EXPECT_EQ(*text_of_bytes(""), "");
  EXPECT_EQ(*text_of_bytes(std::string("\xFF\xFEm\0\xE9\0\x3D\xD8\x00\xDE", 10)), "m\u00e9\U0001F600");
  EXPECT_EQ(*text_of_bytes(std::string("\xFE\xFF\0m\xD8\0", 6)), "m\uFFFD");  // half a pair
  EXPECT_EQ(*text_of_bytes(std::string("\xFF\xFEm\0x", 5)), "m");             // half a unit
  EXPECT_EQ(text_of_bytes("caf\xe9").error(), WhyLeftOut::kNotUtf8);
  EXPECT_EQ(text_of_bytes(std::string("GIF\0", 4)).error(), WhyLeftOut::kBinary);
}

TEST(PlainText, IsCutAtEmptyLines) {
  EXPECT_THAT(texts(plain_sections("a\r\n b  \r\n\r\n\n \t\nc")), ElementsAre("a\n b", "c"));
  EXPECT_THAT(plain_sections(""), IsEmpty());
  EXPECT_THAT(plain_sections(" \n\n\r\n"), IsEmpty());
  EXPECT_THAT(texts(plain_sections("\n\n\nx")), ElementsAre("x"));
  EXPECT_THAT(texts(plain_sections("\f\na\f\n\v\nb")), ElementsAre("a", "b"));
  EXPECT_THAT(texts(plain_sections(std::string("a\0b", 3))), ElementsAre(std::string("a\0b", 3)));
}

TEST(Code, IsCutIntoBlocks) {
  std::string text = "# head\n\nimport x\n\n";
  for (const char* name : {"one", "two"}) {
    text += std::string("def ") + name + "():\n";
    for (int i = 0; i < 30; ++i) text += i == 10 ? "\n" : "    pass\n";
    text += "\n\n";
  }
  const Sections sections = code_sections(text, "src/a.py");
  EXPECT_THAT(titles(sections), ElementsAre("src/a.py:1", "src/a.py:38"));
  EXPECT_TRUE(sections[0].text.starts_with("# head\n\nimport x\n\ndef one():\n"));
  EXPECT_TRUE(sections[1].text.starts_with("def two():\n"));
  EXPECT_TRUE(sections[1].text.ends_with("    pass"));
}

TEST(Code, OfOddInputLosesNoLine) {
  EXPECT_THAT(code_sections("", "a"), IsEmpty());
  EXPECT_THAT(code_sections("\n\n \n", "a"), IsEmpty());
  EXPECT_THAT(titles(code_sections("\n\nx", "a")), ElementsAre("a:3"));
  std::string lines;
  for (int i = 0; i < 100; ++i) lines += "  line\n";
  EXPECT_THAT(titles(code_sections(lines, "a")), ElementsAre("a:1", "a:41", "a:81"));
  EXPECT_EQ(texts(code_sections("int f() {\n\n}\r\n", "a")), std::vector<std::string>{"int f() {\n\n}"});
  EXPECT_EQ(code_sections(std::string(1000000, 'x'), "a").size(), 1U);
}

class TextFile : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(::testing::TempDir()) / ("headwise-texts-" + std::to_string(::getpid()));
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  auto read(const char* name, std::string_view bytes) const {
    std::ofstream(folder_ / name, std::ios::binary) << bytes;
    return read_text_file_sections(folder_ / name, name);
  }
  fs::path folder_;
};

TEST_F(TextFile, IsReadByItsReader) {
  EXPECT_THAT(texts(*read("a.txt", "# x\n\ny")), ElementsAre("# x", "y"));
  EXPECT_THAT(texts(*read("w.txt", std::string_view("\xFF\xFEm\0", 4))), ElementsAre("m"));
  EXPECT_THAT(titles(*read("a.MD", "# x\n\ny")), ElementsAre("x"));
  EXPECT_THAT(titles(*read("a.htm", "<h1>x</h1>y")), ElementsAre("x"));
  EXPECT_THAT(titles(*read("a.cc", "int x;")), ElementsAre("a.cc:1"));
}

TEST_F(TextFile, IsLeftOutForAReason) {
  EXPECT_EQ(read("a.png", "x").error(), WhyLeftOut::kKind);
  EXPECT_EQ(read("a.txt", "\xff").error(), WhyLeftOut::kNotUtf8);
  EXPECT_EQ(read("a.md", std::string("a\0", 2)).error(), WhyLeftOut::kBinary);
  EXPECT_EQ(read("a.html", "<script>x</script>").error(), WhyLeftOut::kNoText);
  EXPECT_EQ(read_text_file_sections(folder_ / "none.txt", "none.txt").error(), WhyLeftOut::kUnreadable);
  std::ofstream(folder_ / "large.txt").close();
  fs::resize_file(folder_ / "large.txt", kLargestTextFile + 1);
  EXPECT_EQ(read_text_file_sections(folder_ / "large.txt", "large.txt").error(), WhyLeftOut::kTooLarge);
}

TEST(LeftOut, IsToldByReason) {
  LeftOut left_out;
  EXPECT_EQ(left_out.summary(), "");
  left_out.add(WhyLeftOut::kHidden, ".git");
  for (const char* name : {"a.png", "b.png", "c.png", "d.png"}) left_out.add(WhyLeftOut::kKind, name);
  EXPECT_EQ(
      left_out.summary(),
      "5 files left out: 4 of a kind that is not read ('a.png', 'b.png', 'c.png', ...), 1 hidden ('.git')");
  LeftOut both;
  both.add(left_out);
  both.add(left_out);
  EXPECT_EQ(both.files(), 10);
  EXPECT_EQ(both.group(WhyLeftOut::kKind).examples.size(), 3U);
}

}  // namespace
}  // namespace headwise
