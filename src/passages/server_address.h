// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: redis://[user:password@]host[:port][/db][?timeout_ms=200&connect_ms=50&ttl_s=0] in its
// parts.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "headwise/error.h"

namespace headwise {

struct ServerAddress {
  std::string user{};  // %41 stands for A, here and in the password
  std::string password{};
  std::string host{};
  int port = 6379;
  int database = 0;
  int connect_ms = 50;
  int timeout_ms = 200;  // for a request's look-up or keeping, and 10 ms more for each of its passages
  int ttl_s = 0;         // how long the server keeps a passage; 0: until it needs room

  // Without user and password: for messages.
  std::string shown() const;
};

bool is_server_address(std::string_view store);
// kUsage says what is not as it should be; a password is never repeated.
Result<ServerAddress> parse_server_address(std::string_view text);

}  // namespace headwise
