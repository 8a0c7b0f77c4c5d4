// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Connections over loopback to a handler that echoes. What bad clients do is in tests/server; these run
// under the sanitizers too.
#include "serve/transport.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <thread>

namespace headwise::serve {
namespace {

class Echo : public HttpHandler {
 public:
  std::optional<HttpResponse> admit(const HttpRequest& head) override {
    if (head.path != "/closed") return std::nullopt;
    HttpResponse response;
    response.status = 404;
    return response;
  }
  HttpResponse handle(const HttpRequest& request) override {
    while (request.path == "/wait" && !request.client->gone()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    if (request.path == "/wait") saw_gone = true;
    if (request.path == "/throw") throw std::runtime_error("thrown");
    HttpResponse response;
    response.body = request.method + " " + request.path + " " + request.body;
    return response;
  }
  HttpResponse refuse(const HttpRequest&, int status, const std::string& message) override {
    HttpResponse response;
    response.status = status;
    response.body = message;
    return response;
  }
  std::atomic<bool> saw_gone{false};
};

class Transport : public testing::Test {
 protected:
  void open(TransportOptions options = {}) {
    options.port = 0;
    transport_ = make_httplib_transport(options, echo_);
    const auto port = transport_->start();
    ASSERT_TRUE(port) << port.error().message();
    port_ = *port;
  }
  int connect() const {
    const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port_));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    return fd;
  }
  // What comes back until the server closes.
  std::string say(const std::string& text) const {
    const int fd = connect();
    EXPECT_EQ(::send(fd, text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
    std::string said;
    char buffer[4096];
    for (ssize_t got; (got = ::recv(fd, buffer, sizeof buffer, 0)) > 0;)
      said.append(buffer, static_cast<size_t>(got));
    ::close(fd);
    return said;
  }
  static std::string post(const std::string& path, const std::string& body) {
    return "POST " + path +
           " HTTP/1.1\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
           body;
  }

  Echo echo_;
  std::unique_ptr<HttpTransport> transport_;
  int port_ = 0;
};

TEST_F(Transport, Answers) {
  open();
  const std::string said = say(post("/a%20b", "body"));
  EXPECT_TRUE(said.starts_with("HTTP/1.1 200 OK\r\n")) << said;
  EXPECT_TRUE(said.ends_with("\r\n\r\nPOST /a b body")) << said;
  EXPECT_TRUE(say("GET /x HTTP/1.1\r\nConnection: close\r\n\r\n").ends_with("GET /x "));
}

TEST_F(Transport, BoundsAndRefusals) {
  open({.max_body = 100});
  EXPECT_TRUE(say(post("/x", std::string(101, 'x'))).starts_with("HTTP/1.1 413 "));
  EXPECT_TRUE(say(post("/x", std::string(100, 'x'))).starts_with("HTTP/1.1 200 "));
  EXPECT_TRUE(say(post("/closed", "body")).starts_with("HTTP/1.1 404 "));
  EXPECT_TRUE(say(post("/throw", "body")).starts_with("HTTP/1.1 500 "));
  EXPECT_TRUE(say("nonsense\r\n\r\n").starts_with("HTTP/1.1 400 "));
}

TEST_F(Transport, SlowHeadsAndBodiesEnd) {
  open({.head_time = std::chrono::milliseconds(50), .body_time = std::chrono::milliseconds(50)});
  EXPECT_EQ(say("GET /x HT").substr(0, 9), "");
  EXPECT_TRUE(say("GET /x HTTP/1.1\r\nX-Sl").starts_with("HTTP/1.1 408 "));
  EXPECT_TRUE(say("POST /x HTTP/1.1\r\nContent-Length: 5\r\n\r\nbo").starts_with("HTTP/1.1 408 "));
}

TEST_F(Transport, AClientThatGoesAwayIsSeen) {
  open();
  const int fd = connect();
  const std::string text = post("/wait", "body");
  ASSERT_GT(::send(fd, text.data(), text.size(), MSG_NOSIGNAL), 0);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_FALSE(echo_.saw_gone);
  ::close(fd);
  for (int i = 0; i < 10000 && !echo_.saw_gone; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_TRUE(echo_.saw_gone);
}

TEST_F(Transport, ManyClientsThenStop) {
  open({.max_connections = 8});
  std::vector<std::thread> clients;
  std::atomic<int> answered{0};
  for (int t = 0; t < 8; ++t) {
    clients.emplace_back([&] {
      for (int i = 0; i < 20; ++i) answered += say(post("/x", "body")).ends_with("POST /x body") ? 1 : 0;
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_GT(answered, 100);  // the bound closes those that look idle between accept and their first byte
  const int idle = connect();
  transport_->stop(std::chrono::milliseconds(1000));
  EXPECT_EQ(transport_->connections(), 0U);
  ::close(idle);
}

TEST_F(Transport, TellsWhenThePortIsTaken) {
  open();
  auto second = make_httplib_transport({.host = "127.0.0.1", .port = port_}, echo_);
  const auto port = second->start();
  ASSERT_FALSE(port);
  EXPECT_EQ(port.error().code(), ErrorCode::kIo);
  EXPECT_NE(port.error().message().find(std::to_string(port_)), std::string::npos);
}

}  // namespace
}  // namespace headwise::serve
