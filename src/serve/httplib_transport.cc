// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// HTTP/1.1 by cpp-httplib 0.11: it parses heads, decodes bodies and writes answers. Accepting, deadlines and
// threads are ours (connections.h), because httplib's own loop waits with select() (no descriptor above
// 1023), listens with a backlog of 5, ends on the first refused accept, and lets a client that sends a byte
// every four seconds hold one of its few threads for ever. Here every connection has a thread that mostly
// sleeps in poll().
#include <httplib.h>

#include <algorithm>
#include <atomic>

#include "base/ascii.h"
#include "serve/connections.h"
#include "serve/socket.h"
#include "serve/transport.h"

namespace headwise::serve {
namespace {

constexpr size_t kMaxHead = 64 * 1024;  // bytes of a request line with its headers
constexpr size_t kMaxPath = 256;        // httplib matches paths by std::regex, which recurses once a letter
// What httplib sees of a connection.
class StreamAdaptor : public httplib::Stream {
 public:
  StreamAdaptor(ClientSocket& socket, std::string remote) : socket_(socket), remote_(std::move(remote)) {}
  bool is_readable() const override { return true; }
  bool is_writable() const override { return true; }
  ssize_t read(char* data, size_t size) override { return socket_.read(data, size); }
  ssize_t write(const char* data, size_t size) override {
    return socket_.write({data, size}) ? static_cast<ssize_t>(size) : -1;
  }
  void get_remote_ip_and_port(std::string& ip, int& port) const override {
    ip = remote_;
    port = 0;
  }
  void get_local_ip_and_port(std::string& ip, int& port) const override {
    ip.clear();
    port = 0;
  }
  // httplib asks only to see whether select() could wait on it, and refuses descriptors above 1023. It never
  // waits here: we do, with poll().
  socket_t socket() const override { return 0; }

 private:
  ClientSocket& socket_;
  std::string remote_;
};

// What the handlers, which httplib calls on the connection's thread, need to know of it.
struct Exchange {
  ClientSocket* socket = nullptr;
  std::function<void()> busy;  // called once the head is read: the connection is no longer idle
  bool reached = false;        // the head was well-formed: a handler was asked
  bool close = false;          // what follows on the connection cannot be trusted
};
thread_local Exchange* exchange = nullptr;

class Parser : public httplib::Server {
 public:
  using httplib::Server::process_request;
};

bool is_digits(std::string_view text) {
  return !text.empty() && text.size() < 19 && text.find_first_not_of("0123456789") == std::string_view::npos;
}

HttpRequest head_of(const httplib::Request& from) {
  HttpRequest head;
  head.method = from.method;
  head.path = from.path;
  // "/v1/rerank/": what is left when an address is put together of parts.
  while (head.path.size() > 1 && head.path.ends_with('/')) head.path.pop_back();
  head.remote = from.remote_addr;
  head.client = exchange->socket;
  for (const auto& [name, value] : from.headers) {
    head.headers.emplace(lower_ascii(name), value);
  }
  return head;
}

void put(HttpResponse&& from, httplib::Response& to) {
  to.status = from.status;
  to.body = std::move(from.body);
  if (!to.body.empty()) to.set_header("Content-Type", from.content_type);
  for (const auto& [name, value] : from.headers) to.set_header(name, value);
}

class HttplibTransport : public HttpTransport {
 public:
  HttplibTransport(const TransportOptions& options, HttpHandler& handler)
      : options_(options),
        handler_(handler),
        connections_(options, [this](int fd, const Connections::Mark& mark) { serve(fd, mark); }) {
    parser_.set_keep_alive_max_count(1000);  // shown to clients in Keep-Alive
    parser_.set_keep_alive_timeout(
        std::chrono::duration_cast<std::chrono::seconds>(options.idle_time).count());
    parser_.set_pre_routing_handler([this](const httplib::Request& request, httplib::Response& response) {
      return before_body(request, response);
    });
    // before_body() lets only known, short paths come here.
    parser_.Post(".*",
                 [this](const httplib::Request& request, httplib::Response& response,
                        const httplib::ContentReader& reader) { with_body(request, response, reader); });
    parser_.set_expect_100_continue_handler(
        [this](const httplib::Request& request, httplib::Response& response) {
          auto refused = admit(head_of(request));
          if (!refused) return 100;
          exchange->close = true;
          const int status = refused->status;
          put(std::move(*refused), response);
          return status;
        });
    // A malformed head never reaches the handlers; what httplib says of it gets the usual form.
    parser_.set_error_handler([this](const httplib::Request& request, httplib::Response& response) {
      if (!response.body.empty() || exchange->reached) return;
      exchange->close = true;
      put(refuse_head(request, exchange->socket->timed_out() ? 408 : response.status), response);
    });
    parser_.set_exception_handler(
        [this](const httplib::Request& request, httplib::Response& response, std::exception_ptr problem) {
          exchange->close = true;
          std::string message = "internal error";
          try {
            std::rethrow_exception(std::move(problem));
          } catch (const std::bad_alloc&) {
            message = "memory ran out";
          } catch (const std::exception& error) {
            message += std::string(": ") + error.what();
          }
          put(handler_.refuse(head_of(request), 500, message), response);
        });
    parser_.set_post_routing_handler([](const httplib::Request&, httplib::Response& response) {
      if (!exchange->close) return;
      response.headers.erase("Keep-Alive");
      response.headers.erase("Connection");
      response.set_header("Connection", "close");
    });
  }

  Result<int> start() override { return connections_.start(); }
  void stop(std::chrono::milliseconds patience) override { connections_.stop(patience); }
  size_t connections() const override { return connections_.count(); }

 private:
  void serve(int fd, const Connections::Mark& mark) {
    ClientSocket socket(fd);
    socket.set_write_time(options_.write_time);
    StreamAdaptor stream(socket, socket.remote_address());
    Exchange own;
    own.socket = &socket;
    own.busy = [&mark] { mark(false); };
    exchange = &own;
    while (!connections_.stopping() && socket.wait_for_request(options_.idle_time)) {
      socket.allow_reading(kMaxHead, Clock::now() + options_.head_time);
      own.reached = false;
      bool asked_to_close = false;
      const bool answered = parser_.process_request(
          stream, connections_.stopping(), asked_to_close, [](httplib::Request& request) {
            // Compression of answers costs more than it saves here; ranges and forms are nobody's business.
            for (const char* name : {"Accept-Encoding", "Range", "Content-Type"}) request.headers.erase(name);
            request.ranges.clear();
          });
      if (!socket.flush() || !answered || asked_to_close || own.close || !own.reached) break;
      mark(true);
    }
    socket.say_goodbye();
    exchange = nullptr;
  }

  // What can be seen from the head alone.
  std::optional<HttpResponse> admit(const HttpRequest& head) {
    const bool sized = head.headers.contains("content-length");
    const std::string_view length = head.header("content-length");
    const std::string_view coding = head.header("transfer-encoding");
    if (head.path.size() > kMaxPath) return handler_.refuse(head, 404, "there is nothing here");
    if (sized && !is_digits(length)) return handler_.refuse(head, 400, "Content-Length is not a number");
    if (!coding.empty() && (sized || coding != "chunked")) {
      return handler_.refuse(head, 400, "Transfer-Encoding may be 'chunked', without Content-Length");
    }
    if (auto refused = handler_.admit(head)) return refused;
    if (sized && std::stoull(std::string(length)) > options_.max_body) return too_large(head);
    return std::nullopt;
  }

  HttpResponse refuse_head(const httplib::Request& request, int status) {
    HttpRequest head = head_of(request);
    static constexpr std::string_view kMethods[] = {"GET",     "HEAD",    "POST",  "PUT",   "DELETE",
                                                    "CONNECT", "OPTIONS", "TRACE", "PATCH", "PRI"};
    const bool known = std::find(std::begin(kMethods), std::end(kMethods), head.method) != std::end(kMethods);
    if (status == 400 && !known && request.version.starts_with("HTTP/1.")) {
      // A method that httplib has not: well-formed, and only the handler knows what the path has instead.
      head.path = request.target.substr(0, request.target.find('?')).substr(0, kMaxPath);
      if (auto refused = handler_.admit(head)) return std::move(*refused);
    }
    const char* message = status == 408   ? "the head of the request took too long"
                          : status == 414 ? "the request's address is too long"
                          : status == 416 ? "ranges are not supported"
                                          : "the request is not HTTP/1.1, or its head is too large";
    return handler_.refuse(head, status, message);
  }

  HttpResponse too_large(const HttpRequest& head) {
    return handler_.refuse(head, 413,
                           "the body is larger than the server takes, " + std::to_string(options_.max_body) +
                               " bytes (--max-body)");
  }

  httplib::Server::HandlerResponse before_body(const httplib::Request& request, httplib::Response& response) {
    using Response = httplib::Server::HandlerResponse;
    exchange->reached = true;
    exchange->busy();
    const HttpRequest head = head_of(request);
    const bool has_body = (head.headers.contains("content-length") && head.header("content-length") != "0") ||
                          head.headers.contains("transfer-encoding");
    auto refused = admit(head);
    if (refused || !has_body || head.method != "POST") {
      // A body that nobody reads would be taken for the next request.
      exchange->close = exchange->close || has_body;
      put(refused ? std::move(*refused) : handler_.handle(head), response);
      return Response::Handled;
    }
    return Response::Unhandled;
  }

  void with_body(const httplib::Request& from, httplib::Response& response,
                 const httplib::ContentReader& reader) {
    HttpRequest request = head_of(from);
    // The framing of a chunked body comes on top of its bytes.
    exchange->socket->allow_reading(2 * options_.max_body + kMaxHead, Clock::now() + options_.body_time);
    bool large = false, crowded = false;
    size_t counted = 0;
    const bool whole = reader([&](const char* data, size_t size) {
      large = request.body.size() + size > options_.max_body;
      if (large) return false;
      crowded = (buffered_ += size) > options_.max_buffered;
      counted += size;
      if (crowded) return false;
      request.body.append(data, size);
      return true;
    });
    buffered_ -= counted;
    if (whole) {
      put(handler_.handle(request), response);
      return;
    }
    exchange->close = true;
    if (large) {
      put(too_large(request), response);
    } else if (crowded) {
      put(handler_.refuse(request, 429, "too many large bodies are being read; try again"), response);
    } else if (exchange->socket->timed_out()) {
      put(handler_.refuse(request, 408, "the body took too long to arrive"), response);
    } else {
      put(handler_.refuse(request, 400, "the body is cut off or not encoded as the head says"), response);
    }
  }

  TransportOptions options_;
  HttpHandler& handler_;
  Parser parser_;
  std::atomic<size_t> buffered_{0};
  Connections connections_;  // last: its threads use the others
};

}  // namespace

std::unique_ptr<HttpTransport> make_httplib_transport(const TransportOptions& options, HttpHandler& handler) {
  return std::make_unique<HttplibTransport>(options, handler);
}

}  // namespace headwise::serve
