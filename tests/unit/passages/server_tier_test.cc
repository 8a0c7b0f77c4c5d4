// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "passages/server_tier.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstring>
#include <thread>

#include "passages/passage_cache.h"
#include "passages/record.h"
#include "support/key_value_server.h"
#include "support/made_up_store.h"

namespace headwise::testing {
namespace {

using ::testing::HasSubstr;
using Clock = std::chrono::steady_clock;

std::shared_ptr<ServerTier> tier_at(const std::string& address) {
  const auto parsed = parse_server_address(address);
  EXPECT_TRUE(parsed) << parsed.error().to_string();
  return std::make_shared<ServerTier>(*parsed, made_up_context(), &FakeSegment::read);
}
template <typename Call>
int milliseconds(const Call& call) {
  const auto begin = Clock::now();
  call();
  return static_cast<int>(
      std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begin).count());
}
// One command, its answer in words.
std::string tell(const KeyValueServer& server, std::vector<std::string> words) {
  const auto connection = ServerConnection::open(*parse_server_address(server.address("?timeout_ms=5000")));
  if (!connection) return connection.error().to_string();
  const std::vector<std::string_view> views(words.begin(), words.end());
  const auto until = Clock::now() + std::chrono::seconds(5);
  EXPECT_TRUE((*connection)->send(views, until));
  const auto reply = (*connection)->receive(until);
  if (!reply) return reply.error().to_string();
  return (*reply)->str == nullptr ? std::to_string((*reply)->integer)
                                  : std::string((*reply)->str, (*reply)->len);
}
std::string name_of(int number) {
  return "headwise:1:" + made_up_context().digest() + ":" + MadeUpPassage(number).slot.key.hex();
}

TEST(ServerAddress, InItsParts) {
  const auto whole =
      parse_server_address("redis://me:p%40ss:x@cache.example:7000/3?timeout_ms=90&connect_ms=7&ttl_s=60");
  ASSERT_TRUE(whole) << whole.error().to_string();
  EXPECT_EQ(whole->user, "me");
  EXPECT_EQ(whole->password, "p@ss:x");
  EXPECT_EQ(whole->host, "cache.example");
  EXPECT_EQ(whole->port, 7000);
  EXPECT_EQ(whole->database, 3);
  EXPECT_EQ(whole->timeout_ms, 90);
  EXPECT_EQ(whole->connect_ms, 7);
  EXPECT_EQ(whole->ttl_s, 60);
  EXPECT_EQ(whole->shown(), "redis://cache.example:7000/3");
  EXPECT_EQ(parse_server_address("redis://h")->port, 6379);
  EXPECT_EQ(parse_server_address("redis://:secret@h")->password, "secret");
  EXPECT_EQ(parse_server_address("redis://[::1]:70/")->host, "::1");
  EXPECT_EQ(parse_server_address("redis://[::1]:70/")->shown(), "redis://[::1]:70/0");
}

TEST(ServerAddress, WhatIsWrongIsSaidWithoutThePassword) {
  for (const char* text :
       {"redis://", "redis://:70", "redis://h:0", "redis://h:x", "redis://h:70000", "redis://h/x",
        "redis://h?ttl=1", "redis://h?ttl_s=", "redis://h?ttl_s=-1", "redis://h?timeout_ms=0",
        "redis://a%4@h", "redis://u:hush@h:x", "rediss://h", "redis://[::1]70", "/folder"}) {
    const auto address = parse_server_address(text);
    ASSERT_FALSE(address) << text;
    EXPECT_EQ(address.error().code(), ErrorCode::kUsage);
    EXPECT_EQ(address.error().message().find("hush"), std::string::npos);
  }
}

class ServerTierTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (KeyValueServer::program().empty())
      GTEST_SKIP() << "hardware: neither redis-server nor valkey-server is installed";
  }
};

TEST_F(ServerTierTest, KeepsAndGives) {
  const KeyValueServer server;
  {
    const auto tier = tier_at(server.address());
    put(*tier, 1);
    put(*tier, 2, 3 << 20);
    EXPECT_EQ(tier->statistics().errors, 0U) << tier->statistics().last_error;
  }
  const auto tier = tier_at(server.address());
  const MadeUpPassage one(1), two(2), three(3);
  const std::vector<KeptSlot> slots = {three.slot, two.slot, one.slot};
  const auto found = tier->get(slots);
  EXPECT_EQ(found[0], nullptr);
  EXPECT_TRUE(FakeSegment::right(*found[1], two.tokens));
  EXPECT_TRUE(FakeSegment::right(*found[2], one.tokens));
  EXPECT_EQ(reinterpret_cast<uintptr_t>(found[1]->image().data()) % 64, 0U);
  EXPECT_EQ(tier->exists(slots), (std::vector<bool>{false, true, true}));
  EXPECT_EQ(tier->statistics().hits, 2U);
  EXPECT_EQ(tier->statistics().misses, 1U);
  EXPECT_EQ(tier->statistics().errors, 0U);
}

TEST_F(ServerTierTest, PasswordDatabaseAndTimeToLive) {
  const KeyValueServer server({"--requirepass", "open sesame"});
  const std::string login = "redis://:open%20sesame@127.0.0.1:" + std::to_string(server.port());
  const auto tier = tier_at(login + "/5?ttl_s=1&timeout_ms=5000");
  put(*tier, 1);
  EXPECT_TRUE(has(*tier, 1)) << tier->statistics().last_error;
  EXPECT_FALSE(has(*tier_at(login + "/6?timeout_ms=5000"), 1));
  const auto locked_out = tier_at(server.address());
  EXPECT_FALSE(has(*locked_out, 1));
  EXPECT_THAT(locked_out->statistics().last_error, HasSubstr("NOAUTH"));
  std::this_thread::sleep_for(std::chrono::milliseconds(1200));
  EXPECT_FALSE(has(*tier, 1));
}

TEST_F(ServerTierTest, ContextsAreCountedAndDroppedByName) {
  const KeyValueServer server;
  const auto address = *parse_server_address(server.address());
  const auto tier = tier_at(server.address());
  for (int number = 0; number < 30; ++number) put(*tier, number);
  ServerTier other(address, made_up_context("other"), &FakeSegment::read);
  put(other, 1);
  tell(server, {"SET", "somebody else's", "x"});
  const auto contents = server_contents(address);
  ASSERT_TRUE(contents) << contents.error().to_string();
  ASSERT_EQ(contents->size(), 2U);
  const ServerContents& ours = contents->at(made_up_context().digest());
  EXPECT_EQ(ours.passages, 30U);
  EXPECT_THAT(ours.about, HasSubstr("\"made up\""));
  EXPECT_EQ(*drop_from_server(address, made_up_context().digest()), 30U);
  EXPECT_EQ(server_contents(address)->size(), 1U);
  EXPECT_EQ(*drop_from_server(address, ""), 1U);
  EXPECT_EQ(tell(server, {"DBSIZE"}), "1");
}

TEST_F(ServerTierTest, ValuesThatAreNotThePassageAreMisses) {
  const KeyValueServer server;
  const MadeUpPassage passage(1), other(2);
  const auto image = passage.segment->image();
  const auto front = record_front(passage.slot, image);
  std::string good(reinterpret_cast<const char*>(front.data()), front.size());
  good.append(reinterpret_cast<const char*>(image.data()), image.size());
  std::string flipped = good, version = good, shorter = good, longer = good + "x";
  flipped[good.size() / 2] ^= 1;
  version[8] = 2;
  shorter.resize(good.size() - 1);
  const std::vector<std::string> values = {"",      "rubbish", std::string(1000, '\0'), flipped, version,
                                           shorter, longer};
  const auto tier = tier_at(server.address());
  for (size_t i = 0; i < values.size(); ++i) {
    tell(server, {"SET", name_of(1), values[i]});
    EXPECT_FALSE(has(*tier, 1)) << "value " << i;
    EXPECT_EQ(tier->statistics().errors, i + 1) << tier->statistics().last_error;
  }
  tell(server, {"SET", name_of(2), good});
  EXPECT_FALSE(has(*tier, 2)) << "the record of another passage";
  tell(server, {"DEL", name_of(1)});
  tell(server, {"LPUSH", name_of(1), "a list"});
  EXPECT_FALSE(has(*tier, 1));
  EXPECT_EQ(tier->statistics().errors, values.size() + 2);
  put(*tier, 1);
  EXPECT_TRUE(has(*tier, 1)) << "kept over what was there";
}

TEST_F(ServerTierTest, AnotherVersionIsNamed) {
  const KeyValueServer server;
  const MadeUpPassage passage(1);
  const auto front = record_front(passage.slot, passage.segment->image());
  std::string value(reinterpret_cast<const char*>(front.data()), front.size());
  value[8] = 77;
  tell(server, {"SET", name_of(1), value});
  const auto tier = tier_at(server.address());
  EXPECT_FALSE(has(*tier, 1));
  EXPECT_THAT(tier->statistics().last_error, HasSubstr("format 77"));
}

TEST_F(ServerTierTest, KilledAndBack) {
  KeyValueServer server;
  const auto tier = tier_at(server.address());
  put(*tier, 1);
  EXPECT_TRUE(has(*tier, 1));
  server.kill();
  EXPECT_LT(milliseconds([&] { EXPECT_FALSE(has(*tier, 1)); }), 1500);
  EXPECT_EQ(tier->statistics().errors, 1U);
  EXPECT_LT(milliseconds([&] {
              for (int i = 0; i < 1000; ++i) EXPECT_FALSE(has(*tier, 1));
            }),
            1000)
      << "it is left alone";
  EXPECT_LE(tier->statistics().errors, 2U);
  server.start();
  bool back = false;
  for (int i = 0; i < 50 && !back; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    put(*tier, 1);
    back = has(*tier, 1);
  }
  EXPECT_TRUE(back);
}

TEST_F(ServerTierTest, FrozenInTheMiddle) {
  KeyValueServer server;
  const auto tier = tier_at(server.address("?timeout_ms=100"));
  put(*tier, 1);
  server.signal(SIGSTOP);
  EXPECT_LT(milliseconds([&] { EXPECT_FALSE(has(*tier, 1)); }), 1500);
  EXPECT_THAT(tier->statistics().last_error, HasSubstr("in time"));
  server.signal(SIGCONT);
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  EXPECT_TRUE(has(*tier, 1)) << "on a new connection: the late answer of the old one is nobody's";
  EXPECT_FALSE(has(*tier, 2));
}

TEST_F(ServerTierTest, FullIsReadNotWritten) {
  const KeyValueServer server({"--maxmemory", "3mb", "--maxmemory-policy", "noeviction"});
  const auto tier = tier_at(server.address());
  put(*tier, 1);
  const int taken = milliseconds([&] {
    for (int number = 2; number < 40; ++number) put(*tier, number, 200000);
  });
  // Left alone for a quarter of a second, then twice as long each time.
  unsigned tries = 1;
  for (int pause = 250, end = pause; end <= taken; pause *= 2, end += pause) ++tries;
  EXPECT_GE(tier->statistics().errors, 1U);
  EXPECT_LE(tier->statistics().errors, tries) << taken;
  EXPECT_THAT(tier->statistics().last_error, HasSubstr("OOM"));
  EXPECT_TRUE(has(*tier, 1));
}

TEST_F(ServerTierTest, TheCacheKeepsNearWhatTravelled) {
  const KeyValueServer server;
  const auto tokens = made_up_tokens(1);
  const std::vector<std::span<const int32_t>> slots = {tokens};
  const KeepOptions keep{.memory = 1 << 20, .store = server.address()};
  {
    const auto cache = *PassageCache::open(keep, made_up_context(), &FakeSegment::read);
    cache->keep(slots, std::vector<KeptPtr>{FakeSegment::make(tokens, 1000, 3)});
  }
  const auto cache = *PassageCache::open(keep, made_up_context(), &FakeSegment::read);
  EXPECT_TRUE(FakeSegment::right(*cache->find(slots)[0], tokens));
  EXPECT_NE(cache->find(slots)[0], nullptr);
  EXPECT_EQ(cache->statistics().store_hits, 1U);
  EXPECT_EQ(cache->statistics().hits, 1U);
}

TEST_F(ServerTierTest, ManyThreads) {
  const KeyValueServer server;
  const auto tier = tier_at(server.address("?timeout_ms=5000"));
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int number = t; number < t + 100; ++number) {
        if (!has(*tier, number)) put(*tier, number);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(count(*tier, 0, 103), 103);
  EXPECT_EQ(tier->statistics().errors, 0U) << tier->statistics().last_error;
}

void say(int socket, const std::string& text) {
  static_cast<void>(::send(socket, text.data(), text.size(), MSG_NOSIGNAL));
}
void hear(int socket) {
  char bytes[65536];
  static_cast<void>(::recv(socket, bytes, sizeof bytes, 0));
}

TEST(ServerTierAgainstFakes, OneThatNeverAnswers) {
  const FakeServer server([](int socket) {
    pollfd end{socket, POLLRDHUP, 0};
    ::poll(&end, 1, 3000);
  });
  const auto tier = tier_at(server.address("?timeout_ms=100"));
  EXPECT_LT(milliseconds([&] { EXPECT_FALSE(has(*tier, 1)); }), 1500);
  EXPECT_EQ(tier->statistics().errors, 1U);
  put(*tier, 1);
  EXPECT_EQ(tier->statistics().errors, 1U) << "it is left alone";
}

TEST(ServerTierAgainstFakes, OneThatDripsForEver) {
  const FakeServer server([](int socket) {
    hear(socket);
    say(socket, "$100000000\r\n");
    for (int i = 0; i < 300; ++i) {
      say(socket, "x");
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
      pollfd end{socket, POLLRDHUP, 0};
      if (::poll(&end, 1, 0) > 0) return;
    }
  });
  const auto tier = tier_at(server.address("?timeout_ms=100"));
  EXPECT_LT(milliseconds([&] { EXPECT_FALSE(has(*tier, 1)); }), 1500);
  EXPECT_THAT(tier->statistics().last_error, HasSubstr("in time"));
}

TEST(ServerTierAgainstFakes, RubbishOfManyKinds) {
  const std::vector<std::string> answers = {
      "HTTP/1.1 400 Bad Request\r\n\r\n",
      std::string(5000, '\0'),
      "$-5\r\n",
      "$99999999999999999999\r\n",
      "*4294967297\r\n:1\r\n",
      "*-7\r\n",
      ":12\r\n",
      "+OK\r\n",
      "-ERR no\r\n",
      "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n",
      "$5\r\nab",
      ""};
  for (const std::string& answer : answers) {
    const FakeServer server([&](int socket) {
      hear(socket);
      say(socket, answer);
    });
    const auto tier = tier_at(server.address("?timeout_ms=100"));
    EXPECT_FALSE(has(*tier, 1)) << answer;
    EXPECT_EQ(tier->statistics().errors, 1U) << answer;
    EXPECT_FALSE(server_contents(*parse_server_address(server.address()))) << answer;
  }
}

TEST(ServerTierAgainstFakes, NobodyThere) {
  const int probe = listen_on(0);
  const std::string address = "redis://127.0.0.1:" + std::to_string(port_of(probe));
  ::close(probe);
  const auto tier = tier_at(address);
  EXPECT_FALSE(has(*tier, 1));
  EXPECT_THAT(tier->statistics().last_error, HasSubstr("refused"));
  const auto cache = PassageCache::open({.store = address}, made_up_context(), &FakeSegment::read);
  ASSERT_TRUE(cache) << "it may come back";
  EXPECT_FALSE(PassageCache::open({.store = "memcached://x"}, made_up_context(), &FakeSegment::read));
}

}  // namespace
}  // namespace headwise::testing
