// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What is left of a run that was killed, and what is made of it.
#include "jobs/journal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/fingerprint.h"

namespace headwise {
namespace {

using ::testing::HasSubstr;

class JournalTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    folder_ = std::filesystem::path(::testing::TempDir()) / (std::string("journal_") + test->name());
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    path_ = folder_ / "out.partial";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string content() const {
    std::ifstream file(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void write(const std::string& text) const { std::ofstream(path_, std::ios::binary) << text; }
  // Two finished queries, and the journal closed again.
  void begin() const {
    auto journal = Journal::open(path_, header_, false);
    ASSERT_TRUE(journal) << journal.error().to_string();
    ASSERT_TRUE(journal->append(0, "first\n"));
    ASSERT_TRUE(journal->append(7, "eighth\n"));
  }

  std::filesystem::path folder_, path_;
  Json header_ = {{"headwise_partial", 1}, {"flags", {{"encoding", "list"}}}};
};

TEST_F(JournalTest, GivesBackWhatIsFinished) {
  begin();
  auto again = Journal::open(path_, header_, false);
  ASSERT_TRUE(again) << again.error().to_string();
  EXPECT_EQ(again->finished(), (std::map<int64_t, std::string>{{0, "first\n"}, {7, "eighth\n"}}));
  again->remove();
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(JournalTest, GoesOnBehindALineCutAnywhere) {
  begin();
  const std::string whole = content();
  const size_t first = whole.find('\n') + 1, second = whole.find('\n', first) + 1;
  for (size_t size = 0; size < whole.size(); ++size) {
    write(whole.substr(0, size));
    auto journal = Journal::open(path_, header_, false);
    ASSERT_TRUE(journal) << size << ": " << journal.error().to_string();
    EXPECT_EQ(journal->finished().size(), size < second ? 0U : 1U) << size;
    ASSERT_TRUE(journal->append(3, "fourth\n"));
    EXPECT_TRUE(content().ends_with("\n"));
  }
}

TEST_F(JournalTest, DropsALineWhoseChecksumIsWrong) {
  begin();
  std::string text = content();
  text.replace(text.find("first"), 5, "worst");
  write(text);
  const auto journal = Journal::open(path_, header_, false);
  ASSERT_TRUE(journal);
  EXPECT_TRUE(journal->finished().empty());  // and what follows it
}

TEST_F(JournalTest, NamesEachSettingThatDiffers) {
  begin();
  Json other = header_;
  other["flags"]["encoding"] = "blocks";
  other["depth"] = 40;
  const auto journal = Journal::open(path_, other, false);
  ASSERT_FALSE(journal);
  EXPECT_EQ(journal.error().code(), ErrorCode::kUsage);
  EXPECT_THAT(journal.error().message(), HasSubstr("flags.encoding was \"list\", now \"blocks\""));
  EXPECT_THAT(journal.error().message(), HasSubstr("depth was null, now 40"));
  const auto afresh = Journal::open(path_, other, true);
  ASSERT_TRUE(afresh) << afresh.error().to_string();
  EXPECT_TRUE(afresh->finished().empty());
}

TEST_F(JournalTest, LeavesAFileOfSomebodyElsesAlone) {
  for (const char* text : {"notes\n", "{}\n", "no line end", "\n"}) {
    write(text);
    const auto journal = Journal::open(path_, header_, false);
    ASSERT_FALSE(journal) << text;
    EXPECT_EQ(journal.error().code(), ErrorCode::kUsage);
    EXPECT_EQ(content(), text);
  }
}

TEST_F(JournalTest, BelongsToOneWriter) {
  const auto first = Journal::open(path_, header_, false);
  ASSERT_TRUE(first);
  const auto second = Journal::open(path_, header_, false);
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error().message(), HasSubstr("another headwise is writing"));
}

TEST(Fingerprint, TellsPiecesApart) {
  const auto of = [](std::initializer_list<std::string_view> pieces) {
    Fingerprint print;
    for (const std::string_view piece : pieces) print.add(piece);
    return print.hex();
  };
  EXPECT_EQ(of({"ab", "c"}), of({"ab", "c"}));
  EXPECT_NE(of({"ab", "c"}), of({"a", "bc"}));
  EXPECT_NE(of({"ab", ""}), of({"ab"}));
  EXPECT_EQ(of({}).size(), 16U);
}

}  // namespace
}  // namespace headwise
