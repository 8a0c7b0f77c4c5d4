// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: one connection to a server that speaks the protocol of Redis and Valkey. Commands go out
// one after the other, answers come in that order; nothing waits beyond its deadline. hiredis reads and
// writes the protocol.
//
// Thread rule: one thread at a time. After an error the connection is of no more use.
#pragma once

#include <hiredis/hiredis.h>

#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "headwise/error.h"
#include "passages/file_descriptor.h"
#include "passages/server_address.h"

namespace headwise {

struct FreeReply {
  void operator()(redisReply* reply) const { freeReplyObject(reply); }
};
using ServerReply = std::unique_ptr<redisReply, FreeReply>;
using ServerClock = std::chrono::steady_clock;

class ServerConnection {
 public:
  // Connected, logged in, and at the database. kIo with the reason.
  static Result<std::unique_ptr<ServerConnection>> open(const ServerAddress& address);

  Status send(std::span<const std::string_view> words, ServerClock::time_point until);
  Result<ServerReply> receive(ServerClock::time_point until);
  // Nothing has come in that nobody asked for, such as its end.
  bool quiet() const;

 private:
  ServerConnection() = default;
  Status connect(const ServerAddress& address);
  Status log_in(const ServerAddress& address);
  // Sends it and wants an answer that is no error.
  Status demand(std::span<const std::string_view> words, ServerClock::time_point until);

  struct FreeReader {
    void operator()(redisReader* reader) const { redisReaderFree(reader); }
  };
  FileDescriptor socket_;
  std::unique_ptr<redisReader, FreeReader> reader_;
  std::vector<char> buffer_;
};

}  // namespace headwise
