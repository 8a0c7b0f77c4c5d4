// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Markdown by its headings.
#include "formats/markdown.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace headwise {

// For messages and matchers.
bool operator==(const Section& a, const Section& b) { return a.title == b.title && a.text == b.text; }
void PrintTo(const Section& section, std::ostream* out) {
  *out << "{'" << section.title << "', '" << section.text << "'}";
}

namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Markdown, HasHeadingPathsAsTitles) {
  EXPECT_THAT(
      markdown_sections("Before.\n\n# Moon\nNo air.\n\nNo sea.\n## Far side ##\nDark.\n# Emma\nA novel.\n"),
      ElementsAre(Section{"", "Before."}, Section{"Moon", "No air.\n\nNo sea."},
                  Section{"Moon > Far side", "Dark."}, Section{"Emma", "A novel."}));
}

TEST(Markdown, HasUnderlinedHeadings) {
  EXPECT_THAT(
      markdown_sections("Moon\nand stars\n===\nNo air.\n\nFar\n---\nDark.\n\n---\n\nA rule stood above.\n"),
      ElementsAre(Section{"Moon and stars", "No air."},
                  Section{"Moon and stars > Far", "Dark.\n\n---\n\nA rule stood above."}));
}

TEST(Markdown, LeavesCodeAlone) {
  EXPECT_THAT(markdown_sections("# Run\n```sh\n# no heading\n\nls\n```\n    # code, too\n"),
              ElementsAre(Section{"Run", "```sh\n# no heading\n\nls\n```\n    # code, too"}));
  EXPECT_THAT(markdown_sections("~~~\n# a\n```\n# b\n~~~\n# c\nd"),
              ElementsAre(Section{"", "~~~\n# a\n```\n# b\n~~~"}, Section{"c", "d"}));
  EXPECT_THAT(markdown_sections("```\n# never closed\n"), ElementsAre(Section{"", "```\n# never closed"}));
}

TEST(Markdown, TakesTheTitleOfFrontMatter) {
  EXPECT_THAT(markdown_sections("---\ndate: 1\ntitle: \"The Moon\"\n---\nDry.\n# Air\nNone.\n"),
              ElementsAre(Section{"The Moon", "Dry."}, Section{"The Moon > Air", "None."}));
  EXPECT_THAT(markdown_sections("---\nno end\n"), ElementsAre(Section{"", "---\nno end"}));
}

TEST(Markdown, KeepsHeadingsWithNothingUnderThem) {
  EXPECT_THAT(markdown_sections("# Plans\n## Buy bread\n## Read Emma\n# Done\n"),
              ElementsAre(Section{"Plans", "Buy bread"}, Section{"Plans", "Read Emma"}, Section{"", "Done"}));
}

TEST(Markdown, CutsLongSectionsBetweenParagraphs) {
  std::string text = "# Moon\n";
  for (int i = 0; i < 4; ++i) {
    for (int word = 0; word < 60; ++word) text += "dust ";
    text += "\n\n";
  }
  const Sections sections = markdown_sections(text);
  ASSERT_EQ(sections.size(), 2U);
  EXPECT_EQ(sections[1].title, "Moon");
}

TEST(Markdown, OfOddInputIsWhatItIs) {
  EXPECT_THAT(markdown_sections(""), IsEmpty());
  EXPECT_THAT(markdown_sections(" \n\t\n\r\n"), IsEmpty());
  EXPECT_THAT(markdown_sections("####### seven\n#none\n#\ttab\nx"),
              ElementsAre(Section{"", "####### seven\n#none"}, Section{"tab", "x"}));
  EXPECT_THAT(markdown_sections("#\n##  ##\nx\r\n"), ElementsAre(Section{"", "x"}));
  EXPECT_THAT(markdown_sections("\xEF\xBB\xBF# Moon\nx"), ElementsAre(Section{"Moon", "x"}));
  EXPECT_THAT(markdown_sections("### deep\nx\n# Emma > Jane\ny"),
              ElementsAre(Section{"deep", "x"}, Section{"Emma > Jane", "y"}));
}

}  // namespace
}  // namespace headwise
