// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What is done to a server's passages as a whole: counted, removed.

#include <cstring>

#include "base/check.h"
#include "passages/server_tier.h"

namespace headwise {
namespace {

constexpr std::chrono::seconds kServerPatience(10);  // for a thousand names

using Words = std::vector<std::string_view>;

Result<ServerReply> answer_of(ServerConnection& connection, const Words& words) {
  const auto until = ServerClock::now() + kServerPatience;
  HW_RETURN_IF_ERROR(connection.send(words, until));
  auto reply = connection.receive(until);
  HW_RETURN_IF_ERROR(reply);
  if ((*reply)->type == REDIS_REPLY_ERROR) return fail(ErrorCode::kIo, (*reply)->str);
  return reply;
}

// All names that begin as headwise's do, a thousand or so at a time.
template <typename Visit>
Status each_name(ServerConnection& connection, const std::string& pattern, const Visit& visit) {
  std::string cursor = "0";
  do {
    const auto reply = answer_of(connection, {"SCAN", cursor, "MATCH", pattern, "COUNT", "1000"});
    HW_RETURN_IF_ERROR(reply);
    const redisReply& page = **reply;
    if (page.type != REDIS_REPLY_ARRAY || page.elements != 2 || page.element[0]->type != REDIS_REPLY_STRING ||
        page.element[1]->type != REDIS_REPLY_ARRAY) {
      return fail(ErrorCode::kIo, "SCAN is not answered with names");
    }
    cursor = page.element[0]->str;
    Words names;
    for (size_t i = 0; i < page.element[1]->elements; ++i) {
      const redisReply& name = *page.element[1]->element[i];
      if (name.type == REDIS_REPLY_STRING) names.emplace_back(name.str, name.len);
    }
    HW_RETURN_IF_ERROR(visit(names));
  } while (cursor != "0");
  return {};
}

std::string front_of_names() { return "headwise:" + std::to_string(kKeptFormat) + ":"; }

}  // namespace

Result<std::map<std::string, ServerContents>> server_contents(const ServerAddress& address) {
  const auto connection = ServerConnection::open(address);
  HW_RETURN_IF_ERROR(connection);
  std::map<std::string, ServerContents> contents;
  const std::string front = front_of_names();
  HW_RETURN_IF_ERROR(each_name(**connection, front + "*", [&](const Words& names) -> Status {
    for (const std::string_view name : names) {
      const std::string_view rest = name.substr(front.size());
      const size_t end = rest.find(':');
      ServerContents& of = contents[std::string(rest.substr(0, end))];
      if (end != std::string_view::npos) ++of.passages;
    }
    return {};
  }));
  for (auto& [digest, of] : contents) {
    const auto about = answer_of(**connection, {"GET", front + digest});
    if (about && (*about)->type == REDIS_REPLY_STRING) of.about = {(*about)->str, (*about)->len};
  }
  return contents;
}

Result<uint64_t> drop_from_server(const ServerAddress& address, const std::string& digest) {
  const auto connection = ServerConnection::open(address);
  HW_RETURN_IF_ERROR(connection);
  const std::string front = front_of_names();
  uint64_t passages = 0;
  const auto remove = [&](const Words& names) -> Status {
    if (names.empty()) return {};
    Words words = {"DEL"};
    for (const std::string_view name : names) {
      words.push_back(name);
      if (name.substr(front.size()).find(':') != std::string_view::npos) ++passages;
    }
    HW_RETURN_IF_ERROR(answer_of(**connection, words));
    return {};
  };
  HW_RETURN_IF_ERROR(each_name(**connection, front + digest + "*", remove));
  return passages;
}

}  // namespace headwise
