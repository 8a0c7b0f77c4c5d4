// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: kept passages behind a key-value server (Valkey, Redis), for more than one machine:
//
//   headwise:<format>:<context digest>:<key>   a record (record.h), which brings its checksum and its tokens
//   headwise:<format>:<context digest>         KeptContext::describe(), for people
//
// One round trip a request. A request never waits longer than encoding would take: a server that fails is
// left alone for a quarter of a second, then twice as long each time, up to 30 s; one that is full is not
// written to meanwhile, but read.
//
// Thread rule: any number of callers at once, each with a connection of its own.
#pragma once

#include <sys/types.h>

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "headwise/error.h"
#include "passages/kept_context.h"
#include "passages/passage_tier.h"
#include "passages/server_address.h"
#include "passages/server_connection.h"

namespace headwise {

// After failures: whether it is worth trying again.
class TryAgain {
 public:
  bool now() const { return ServerClock::now() >= next_; }
  void failed();
  void worked() { pause_ = {}; }

 private:
  std::chrono::milliseconds pause_{};
  ServerClock::time_point next_{};
};

class ServerTier final : public PassageTier {
 public:
  ServerTier(ServerAddress address, const KeptContext& context, SegmentReader reader);

  std::vector<KeptPtr> get(std::span<const KeptSlot> slots) override;
  void put(std::span<const KeptSlot> slots, std::span<const KeptPtr> segments) override;
  std::vector<bool> exists(std::span<const KeptSlot> slots) override;
  TierStatistics statistics() const override;
  bool far() const override { return true; }

 private:
  using Connection = std::unique_ptr<ServerConnection>;

  // Null: not now, or it failed, which is noted.
  Connection lend();
  void give_back(Connection connection);
  // The connection is given up and the server left alone for a while.
  void failed(const std::string& what);
  void note_error(const std::string& what);
  bool may_write() const;

  ServerClock::time_point deadline(size_t slots) const;
  std::string name(const PassageKey& key) const { return front_ + ":" + key.hex(); }
  // One command a slot, one answer each, in order; `take` gets them until one fails.
  template <typename Words, typename Take>
  Status ask(ServerConnection& connection, size_t slots, const Words& words, const Take& take) const;
  KeptPtr read(const KeptSlot& slot, const redisReply& reply);

  const ServerAddress address_;
  const std::string front_;  // of names
  const std::string about_;  // the context, in JSON
  const SegmentReader reader_;

  mutable std::mutex mutex_;  // of what follows
  pid_t process_;
  std::vector<Connection> idle_;
  TryAgain reading_, writing_;
  bool introduced_ = false;  // `about_` was sent
  TierStatistics statistics_;
};

// What a server has of headwise's, by context digest. kIo when it does not answer.
struct ServerContents {
  std::string about;  // KeptContext::describe(); empty: unknown
  uint64_t passages = 0;
};
Result<std::map<std::string, ServerContents>> server_contents(const ServerAddress& address);
// Removes the passages of a context; empty: of all. Returns how many.
Result<uint64_t> drop_from_server(const ServerAddress& address, const std::string& digest);

}  // namespace headwise
