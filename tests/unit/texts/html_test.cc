// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The text of pages, well made and badly.
#include "formats/html.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <utility>

#include "formats/html_tokens.h"

namespace headwise {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

std::vector<std::pair<std::string, std::string>> sections(std::string_view html) {
  std::vector<std::pair<std::string, std::string>> pairs;
  for (Section& section : html_sections(html))
    pairs.emplace_back(std::move(section.title), std::move(section.text));
  return pairs;
}

TEST(Html, HasTheTitleAndHeadingsAsTitles) {
  EXPECT_THAT(
      sections(
          "<!DOCTYPE html><html><head><title>The\n Moon</title><meta charset=utf-8></head><body>"
          "<h1>The Moon</h1><p>No <b>air</b>, no\n  sea.<p>Dry.<h2>Far side</h2><div>Dark.</div></body>"),
      ElementsAre(Pair("The Moon", "No air, no sea.\n\nDry."), Pair("The Moon > Far side", "Dark.")));
}

TEST(Html, LeavesOutWhatIsNoText) {
  EXPECT_THAT(
      sections("<script>if (a < b) document.write('<p>x</p>')</script><style>p > a {}</style>"
               "<nav><ul><li>Home</ul></nav>moon<noscript>on</noscript><svg/><svg><text>a</text></svg> air"
               "<select><option>x</select><!-- no > -- --><template>t</template><button>Go</button>"),
      ElementsAre(Pair("", "moon\n\nair")));
  EXPECT_THAT(sections("<nav>a<nav>b</nav>c</nav>moon"), ElementsAre(Pair("", "moon")));
}

TEST(Html, KeepsRowsItemsAndCodeApart) {
  EXPECT_THAT(sections("<table><tr><th>Body<th>Air<tr><td>Moon</td><td>none</td></table>"),
              ElementsAre(Pair("", "Body Air\nMoon none")));
  EXPECT_THAT(sections("<ul><li>one<li> two </ul>a<br>b"), ElementsAre(Pair("", "one\ntwo\n\na\nb")));
  EXPECT_THAT(sections("<pre>if x:\n    y</pre>"), ElementsAre(Pair("", "if x:\n    y")));
}

TEST(Html, WritesReferencesOut) {
  EXPECT_EQ(
      without_references("&lt;Caf&eacute;&gt; &#233;&#xE9;&#X2014; &yuml;&nbsp;AT&T &amp;amp; &unknown; &;"),
      "<Caf\u00e9> \u00e9\u00e9\u2014 \u00ff\u00a0AT&T &amp; &unknown; &;");
  EXPECT_EQ(without_references("&#0;&#xD800;&#x110000;&#99999999999;&#xg;&"),
            "\uFFFD\uFFFD\uFFFD&#99999999999;&#xg;&");
}

TEST(Html, OfOddInputIsWhatItIs) {
  EXPECT_THAT(sections(""), IsEmpty());
  EXPECT_THAT(sections("no tags, 1 < 2 & 3 > 2"), ElementsAre(Pair("", "no tags, 1 < 2 & 3 > 2")));
  EXPECT_THAT(sections("a</p></b></nav></x y=\"</p>\"> b<"), ElementsAre(Pair("", "a\n\nb<")));
  EXPECT_THAT(sections("<a title='>' href=\"a>b\" x = '>'>moon</a><a b"), ElementsAre(Pair("", "moon")));
  EXPECT_THAT(sections("<P>Moon<H1>Emma<P>A novel"), ElementsAre(Pair("", "Moon"), Pair("Emma", "A novel")));
  EXPECT_THAT(sections("moon<script>never closed</p>"), ElementsAre(Pair("", "moon")));
  EXPECT_THAT(sections("<![CDATA[x]]><?php echo 1 ?>moon</ >"), ElementsAre(Pair("", "moon")));
  EXPECT_THAT(sections("<!-->moon"), ElementsAre(Pair("", "moon")));
}

// Each was quadratic in some reader.
TEST(Html, IsReadInLinearTime) {
  for (const char* piece :
       {"<div>", "<b>", "<a title='", "<!--", "</", "&", "&#1", "<nav>", "<script><", "<pre>\n", "<h1>"}) {
    std::string html;
    while (html.size() < 2000000) html += piece;
    const auto begun = std::chrono::steady_clock::now();
    html_sections(html);
    EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(60)) << piece;
  }
}

}  // namespace
}  // namespace headwise
