// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// A store whose processes are killed, whose disk is full, that cannot be written, that several write.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <csignal>
#include <functional>
#include <random>
#include <thread>

#include "support/made_up_store.h"

namespace headwise::testing {
namespace {

using ::testing::HasSubstr;

// A process of its own: what `body` says is its exit status.
pid_t start(const std::function<int()>& body) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(body());
  return child;
}
int status_of(pid_t child) {
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
void wait_ms(int milliseconds) { std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds)); }

class StoreFaultsTest : public StoreTest {
 protected:
  // In a child: not the parent's open stores, no gtest.
  std::shared_ptr<PassageStore> open_in_child(uint64_t bytes = 0, uint64_t segment_bytes = 0) const {
    auto store = PassageStore::open(folder, made_up_context(), options(bytes, segment_bytes));
    if (!store) ::_exit(99);
    return *store;
  }
};

// Reported as kept: there, and right. A hundred times, each on what the ones before left.
TEST_F(StoreFaultsTest, KilledWhileWriting) {
  std::mt19937 random(11);
  int reported[2];
  ASSERT_EQ(::pipe(reported), 0);
  int next = 0;
  for (int round = 0; round < 100; ++round) {
    const pid_t child = start([&]() -> int {
      const auto store = open_in_child(0, 256 << 10);
      for (int number = next;; ++number) {
        put(*store, number, static_cast<size_t>(number) * 7919 % 30000);
        if (::write(reported[1], &number, sizeof number) != sizeof number) return 1;
      }
    });
    wait_ms(1 + static_cast<int>(random() % 25));
    ::kill(child, SIGKILL);
    EXPECT_EQ(status_of(child), 128 + SIGKILL);
    // What was put before, or is being put, may be there as well.
    int last = next - 1;
    ::fcntl(reported[0], F_SETFL, O_NONBLOCK);
    for (int number = 0; ::read(reported[0], &number, sizeof number) == sizeof number;) last = number;
    const auto store = open(0, 256 << 10);
    ASSERT_NE(store, nullptr);
    for (int number = next; number <= last; ++number) {
      ASSERT_TRUE(has(*store, number)) << "kept in round " << round;
    }
    EXPECT_EQ(store->statistics().errors, 0U) << store->statistics().last_error;
    next = last + 1;
  }
  ::close(reported[0]);
  ::close(reported[1]);
  EXPECT_GT(next, 200) << "the children hardly wrote";
  const auto store = open();
  EXPECT_EQ(count(*store, 0, next), next);
  const auto check = store->verify(nullptr);
  ASSERT_TRUE(check);
  EXPECT_TRUE(check->damage.empty());
  const uint64_t passages = check->passages;
  ASSERT_TRUE(store->rebuild());
  // Who reads the segments may find one that the last child wrote whole and had no time to commit.
  const uint64_t found = store->verify(nullptr)->passages;
  EXPECT_GE(found, passages);
  EXPECT_LE(found, passages + 1);
}

TEST_F(StoreFaultsTest, KilledWhileSegmentsGo) {
  std::mt19937 random(12);
  for (int round = 0; round < 40; ++round) {
    const pid_t child = start([&]() -> int {
      const auto store = open_in_child(1 << 20, 64 << 10);
      for (int number = round * 100;; ++number) put(*store, number, 3000);
    });
    wait_ms(1 + static_cast<int>(random() % 25));
    ::kill(child, SIGKILL);
    status_of(child);
    const auto store = open(1 << 20, 64 << 10);
    count(*store, round * 100, round * 100 + 300);
    const auto check = store->verify(nullptr);
    ASSERT_TRUE(check);
    EXPECT_TRUE(check->damage.empty());
    EXPECT_EQ(check->passages, store->statistics().passages);
    EXPECT_LE(store->statistics().bytes, 1U << 20);
    // One that was begun and not committed is written over by the next.
    EXPECT_LE(segment_files().size(), store->info()->segments + 1) << "files that nobody knows";
  }
}

TEST_F(StoreFaultsTest, FourWriters) {
  std::vector<pid_t> children;
  for (int child = 0; child < 4; ++child) {
    children.push_back(start([&, child] {
      const auto store = open_in_child(0, 256 << 10);
      for (int number = child * 100; number < child * 100 + 250; ++number) put(*store, number, 2000);
      return store->statistics().errors == 0 ? 0 : 1;
    }));
  }
  for (const pid_t child : children) EXPECT_EQ(status_of(child), 0);
  const auto store = open(0, 256 << 10);
  EXPECT_EQ(count(*store, 0, 550), 550);
  EXPECT_EQ(store->statistics().passages, 550U);
  EXPECT_EQ(store->verify(nullptr)->passages, 550U);
  EXPECT_EQ(store->info()->dead_bytes, 0U) << "nothing was kept twice";
}

// Readers go on while another process drops the segments that they read.
TEST_F(StoreFaultsTest, ReadWhileAnotherDropsSegments) {
  const auto store = open(1 << 20, 64 << 10);
  put(*store, 0);
  const pid_t child = start([&]() -> int {
    // A process of its own, not a copy of this one: its stores are not this one's.
    std::string self = std::filesystem::read_symlink("/proc/self/exe");
    ::setenv("HEADWISE_TEST_STORE", folder.c_str(), 1);
    ::execl(self.c_str(), self.c_str(), "--gtest_filter=StoreChild.Writes", "--gtest_brief=1", nullptr);
    return 98;
  });
  int found = 0;
  int status = 0;
  while (::waitpid(child, &status, WNOHANG) == 0) found += count(*store, 0, 2000) > 0 ? 1 : 0;
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_GT(found, 0);
  EXPECT_EQ(store->statistics().errors, 0U) << store->statistics().last_error;
  EXPECT_EQ(count(*store, 1900, 2000), 100) << "what the other one wrote";
}

TEST_F(StoreFaultsTest, ASegmentGrowsAndGoesBeforeItsNewSizeIsKnown) {
  const auto store = open();
  put(*store, 0);
  EXPECT_TRUE(has(*store, 0));  // mapped, as long as it is now
  const auto other = open();
  put(*other, 1, 9000);
  std::filesystem::remove(segment_files()[0]);
  EXPECT_FALSE(has(*store, 1));
  EXPECT_EQ(store->statistics().errors, 0U) << store->statistics().last_error;
}

// The other process of the test before.
TEST(StoreChild, Writes) {
  const char* folder = std::getenv("HEADWISE_TEST_STORE");
  if (folder == nullptr) return;
  const auto store = PassageStore::open(
      folder, made_up_context(), {.bytes = 1 << 20, .segment_bytes = 64 << 10, .reader = &FakeSegment::read});
  ASSERT_TRUE(store);
  for (int number = 0; number < 2000; ++number) put(**store, number);
  EXPECT_EQ((*store)->statistics().errors, 0U) << (*store)->statistics().last_error;
}

TEST_F(StoreFaultsTest, TheIndexIsLost) {
  {
    const auto store = open(0, 64 << 10);
    for (int number = 0; number < 100; ++number) put(*store, number);
  }
  std::filesystem::remove(folder / "index.mdb");
  {
    const auto store = open(0, 64 << 10);
    EXPECT_EQ(count(*store, 0, 100), 100);
    put(*store, 100);
  }
  std::filesystem::remove(folder / "index.mdb-lock");
  std::filesystem::remove(folder / "store.json");
  const auto store = open(0, 64 << 10);
  EXPECT_EQ(count(*store, 0, 101), 101);
  EXPECT_EQ(store->statistics().errors, 0U);
}

TEST_F(StoreFaultsTest, TheIndexIsRemovedUnderAnOpenStore) {
  const auto store = open();
  for (int number = 0; number < 20; ++number) put(*store, number);
  std::filesystem::remove(folder / "index.mdb");
  EXPECT_EQ(count(*store, 0, 20), 20);
  put(*store, 20);
  EXPECT_EQ(count(*store, 0, 21), 21);
  EXPECT_EQ(store->statistics().errors, 0U) << store->statistics().last_error;
  EXPECT_EQ(store->verify(nullptr)->passages, 21U);
}

TEST_F(StoreFaultsTest, WithoutAManifestOnlyItsOwnContextTakesItOver) {
  put(*open(), 1);
  std::filesystem::remove(folder / "store.json");
  const auto other = PassageStore::open(folder, made_up_context("other"), options());
  ASSERT_FALSE(other);
  EXPECT_THAT(other.error().message(), HasSubstr("lost its manifest"));
  EXPECT_TRUE(has(*open(), 1));
}

// Another process makes the index again: who had it open goes over to the new one, and loses nothing.
TEST_F(StoreFaultsTest, TheIndexIsMadeAgainUnderAnOpenStore) {
  const auto store = open();
  put(*store, 1);
  const pid_t child = start([&]() -> int {
    const std::string self = std::filesystem::read_symlink("/proc/self/exe");
    ::setenv("HEADWISE_TEST_STORE", folder.c_str(), 1);
    ::execl(self.c_str(), self.c_str(), "--gtest_filter=StoreChild.Rebuilds", "--gtest_brief=1", nullptr);
    return 98;
  });
  ASSERT_EQ(status_of(child), 0);
  EXPECT_TRUE(has(*store, 1));
  EXPECT_TRUE(has(*store, 7)) << "what the other one kept since";
  put(*store, 2);
  EXPECT_EQ(store->statistics().passages, 3U);
  EXPECT_EQ(store->verify(nullptr)->passages, 3U);
  EXPECT_EQ(store->statistics().errors, 0U);
}

TEST(StoreChild, Rebuilds) {
  const char* folder = std::getenv("HEADWISE_TEST_STORE");
  if (folder == nullptr) return;
  const auto store = PassageStore::open(folder, made_up_context(), {.reader = &FakeSegment::read});
  ASSERT_TRUE(store);
  ASSERT_TRUE((*store)->rebuild());
  put(**store, 7);
  EXPECT_TRUE(has(**store, 1));
}

TEST_F(StoreFaultsTest, AForkedCopyWritesNothing) {
  const auto store = open();
  put(*store, 1);
  const pid_t child = start([&]() -> int {
    put(*store, 2);
    return !has(*store, 1) && store->statistics().errors > 0 ? 0 : 1;
  });
  EXPECT_EQ(status_of(child), 0);
  EXPECT_FALSE(has(*store, 2));
}

// Files may not grow: first segments, then the index. What was kept is read, and writing goes on afterwards.
TEST_F(StoreFaultsTest, TheDiskIsFull) {
  put(*open(), 0);
  for (const uint64_t limit : {uint64_t{100000}, uint64_t{18000}}) {
    const pid_t child = start([&]() -> int {
      ::signal(SIGXFSZ, SIG_IGN);
      const auto store = open_in_child(0, 1 << 30);
      const rlimit bytes{limit, limit};
      ::setrlimit(RLIMIT_FSIZE, &bytes);
      for (int number = 1; number < 200; ++number) put(*store, number);
      const auto now = store->statistics();
      if (now.errors == 0 || now.last_error.find("large") == std::string::npos) return 1;
      if (count(*store, 0, 200) != static_cast<int>(now.passages)) return 2;
      return has(*store, 0) ? 0 : 3;
    });
    EXPECT_EQ(status_of(child), 0) << limit;
  }
  const auto store = open();
  EXPECT_TRUE(has(*store, 0));
  for (int number = 1; number < 200; ++number) put(*store, number);
  EXPECT_EQ(count(*store, 0, 200), 200);
  EXPECT_EQ(store->statistics().errors, 0U);
  EXPECT_TRUE(store->verify(nullptr)->damage.empty());
}

TEST_F(StoreFaultsTest, AFolderThatCannotBeWritten) {
  {
    const auto store = open();
    for (int number = 0; number < 10; ++number) put(*store, number);
  }
  const pid_t child = start([&]() -> int {
    if (::geteuid() == 0 && ::seteuid(65534) != 0) return 97;  // root writes anywhere
    const auto store = open_in_child();
    if (count(*store, 0, 10) != 10) return 1;
    put(*store, 10);
    const auto now = store->statistics();
    if (has(*store, 10) || now.errors != 1) return 2;
    if (now.last_error.find("cannot be written") == std::string::npos) return 3;
    return store->info()->read_only.empty() ? 4 : 0;
  });
  if (::geteuid() != 0) std::filesystem::permissions(folder, std::filesystem::perms(0555));
  EXPECT_EQ(status_of(child), 0);
  std::filesystem::permissions(folder, std::filesystem::perms(0755));
}

}  // namespace
}  // namespace headwise::testing
