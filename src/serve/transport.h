// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: all that the service knows of HTTP. A transport takes connections, reads requests within
// limits and writes answers; what is answered is the handler's. The one transport there is stands on
// cpp-httplib (httplib_transport.cc), and no other file includes it.
//
// Thread rule: a handler is called from many threads at once, one request a thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "headwise/error.h"

namespace headwise::serve {

// Whether anybody still waits for the answer. Safe from any thread while the request is being handled.
class ClientLink {
 public:
  virtual ~ClientLink() = default;
  virtual bool gone() const = 0;
};

struct HttpRequest {
  std::string method;
  std::string path;  // decoded, without the query part
  std::string body;
  std::string remote;                          // the client's address
  std::map<std::string, std::string> headers;  // names in small letters
  const ClientLink* client = nullptr;

  // The header's value, or "".
  std::string_view header(const std::string& name) const {
    const auto found = headers.find(name);
    return found == headers.end() ? std::string_view() : std::string_view(found->second);
  }
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
};

class HttpHandler {
 public:
  virtual ~HttpHandler() = default;
  // Asked once the head is read. An answer refuses the request: its body is not read, and the connection is
  // closed behind the answer.
  virtual std::optional<HttpResponse> admit(const HttpRequest& head) = 0;
  virtual HttpResponse handle(const HttpRequest& request) = 0;
  // The answer to what never became a request: a malformed head, a body that is cut off or too large. The
  // path may be empty.
  virtual HttpResponse refuse(const HttpRequest& head, int status, const std::string& message) = 0;
};

struct TransportOptions {
  std::string host = "127.0.0.1";
  int port = 8080;                              // 0: any free one
  size_t max_body = size_t{16} << 20;           // bytes, after decompression
  size_t max_buffered = size_t{256} << 20;      // bytes of all bodies that are being read at one time
  size_t max_connections = 2048;                // above it, the one that has been idle longest is closed
  std::chrono::milliseconds head_time{10000};   // from the first byte of a request to the end of its head
  std::chrono::milliseconds body_time{60000};   // and to the end of its body
  std::chrono::milliseconds idle_time{75000};   // between two requests of a connection
  std::chrono::milliseconds write_time{30000};  // without the client taking a byte
};

class HttpTransport {
 public:
  virtual ~HttpTransport() = default;
  // Binds and starts to answer on threads of its own. The port that was bound. kIo: the address is taken or
  // not ours.
  virtual Result<int> start() = 0;
  // Takes no new connection, closes idle ones, waits for answers that are being written, and returns when no
  // thread is left. Connections that take longer than `patience` are cut.
  virtual void stop(std::chrono::milliseconds patience) = 0;
  virtual size_t connections() const = 0;
};

// The handler must outlive the transport.
std::unique_ptr<HttpTransport> make_httplib_transport(const TransportOptions& options, HttpHandler& handler);

}  // namespace headwise::serve
