// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "passages/server_address.h"

#include <charconv>
#include <optional>

#include "base/check.h"

namespace headwise {
namespace {

constexpr std::string_view kScheme = "redis://";

tl::unexpected<Error> no_address(const std::string& what) {
  return fail(ErrorCode::kUsage,
              "a server of kept passages is redis://[user:password@]host[:port][/db]"
              "[?timeout_ms=N&connect_ms=N&ttl_s=N]: " +
                  what);
}

Result<int> number(std::string_view text, const std::string& what, int least, int most) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < least || value > most) {
    return no_address(what + " is '" + std::string(text) + "'; expected " + std::to_string(least) + " to " +
                      std::to_string(most));
  }
  return value;
}

std::optional<std::string> unescaped(std::string_view text) {
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      plain += text[i];
      continue;
    }
    unsigned char byte = 0;
    if (i + 2 >= text.size()) return std::nullopt;
    const auto [end, error] = std::from_chars(&text[i + 1], &text[i + 1] + 2, byte, 16);
    if (error != std::errc() || end != &text[i + 1] + 2) return std::nullopt;
    plain += static_cast<char>(byte);
    i += 2;
  }
  return plain;
}

// What stands before the first `mark`, which goes; all of it where there is none.
std::string_view take_until(std::string_view& rest, char mark) {
  const size_t at = rest.find(mark);
  const std::string_view taken = rest.substr(0, at);
  rest.remove_prefix(at == std::string_view::npos ? rest.size() : at + 1);
  return taken;
}

Status read_login(std::string_view text, ServerAddress& address) {
  const std::string_view first = take_until(text, ':');
  const auto user = unescaped(first);
  const auto password = unescaped(text);
  if (!user || !password) return no_address("'%' must be followed by two hexadecimal digits");
  address.user = *user;
  address.password = *password;
  return {};
}

Status read_place(std::string_view text, ServerAddress& address) {
  if (text.starts_with('[')) {  // an IPv6 address
    text.remove_prefix(1);
    address.host = take_until(text, ']');
    if (!text.empty() && !text.starts_with(':')) return no_address("a port follows ']' after ':'");
    if (!text.empty()) text.remove_prefix(1);
  } else {
    address.host = take_until(text, ':');
  }
  if (address.host.empty()) return no_address("it has no host");
  if (text.empty()) return {};
  const auto port = number(text, "the port", 1, 65535);
  HW_RETURN_IF_ERROR(port);
  address.port = *port;
  return {};
}

Status read_setting(std::string_view setting, ServerAddress& address) {
  const std::string name(take_until(setting, '='));
  struct Known {
    const char* name;
    int* value;
    int least, most;
  };
  const Known all[] = {{"timeout_ms", &address.timeout_ms, 1, 60000},
                       {"connect_ms", &address.connect_ms, 1, 60000},
                       {"ttl_s", &address.ttl_s, 0, 2000000000}};
  for (const Known& known : all) {
    if (name != known.name) continue;
    const auto value = number(setting, name, known.least, known.most);
    HW_RETURN_IF_ERROR(value);
    *known.value = *value;
    return {};
  }
  return no_address("it has no setting '" + name + "'");
}

}  // namespace

std::string ServerAddress::shown() const {
  return std::string(kScheme) + (host.find(':') == std::string::npos ? host : "[" + host + "]") + ":" +
         std::to_string(port) + "/" + std::to_string(database);
}

bool is_server_address(std::string_view store) { return store.starts_with(kScheme); }

Result<ServerAddress> parse_server_address(std::string_view text) {
  if (!is_server_address(text)) return no_address("it begins with redis://");
  text.remove_prefix(kScheme.size());
  ServerAddress address;
  std::string_view settings = text;
  std::string_view front = take_until(settings, '?');
  std::string_view database = front;
  std::string_view place = take_until(database, '/');
  if (const size_t at = place.rfind('@'); at != std::string_view::npos) {
    HW_RETURN_IF_ERROR(read_login(place.substr(0, at), address));
    place.remove_prefix(at + 1);
  }
  HW_RETURN_IF_ERROR(read_place(place, address));
  if (!database.empty()) {
    const auto value = number(database, "the database", 0, 1000000);
    HW_RETURN_IF_ERROR(value);
    address.database = *value;
  }
  while (!settings.empty()) HW_RETURN_IF_ERROR(read_setting(take_until(settings, '&'), address));
  return address;
}

}  // namespace headwise
