// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: servers on the loopback for tests of what is kept behind one: redis-server or
// valkey-server, whichever is installed, and one that answers whatever a test says.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <functional>
#include <string>
#include <thread>
#include <vector>

namespace headwise::testing {

// A socket of the loopback that listens; port 0: any that is free.
inline int listen_on(int port) {
  const int made = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(made, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(::bind(made, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  EXPECT_EQ(::listen(made, 16), 0);
  return made;
}
inline int port_of(int socket) {
  sockaddr_in address{};
  socklen_t length = sizeof address;
  ::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &length);
  return ntohs(address.sin_port);
}

class KeyValueServer {
 public:
  static std::string program() {
    for (const char* name : {"/usr/bin/valkey-server", "/usr/bin/redis-server"}) {
      if (std::filesystem::exists(name)) return name;
    }
    return {};
  }
  explicit KeyValueServer(std::vector<std::string> options = {}) : options_(std::move(options)) {
    const int probe = listen_on(0);
    port_ = port_of(probe);
    ::close(probe);
    start();
  }
  ~KeyValueServer() { kill(); }
  KeyValueServer(const KeyValueServer&) = delete;
  KeyValueServer& operator=(const KeyValueServer&) = delete;

  void start() {
    std::vector<std::string> words = {
        program(),      "--port", std::to_string(port_), "--bind",  "127.0.0.1", "--save",   "",
        "--appendonly", "no",     "--loglevel",          "warning", "--logfile", "/dev/null"};
    words.insert(words.end(), options_.begin(), options_.end());
    child_ = ::fork();
    if (child_ == 0) {
      std::vector<char*> arguments;
      for (std::string& word : words) arguments.push_back(word.data());
      arguments.push_back(nullptr);
      ::execv(arguments[0], arguments.data());
      ::_exit(127);
    }
    for (int i = 0; i < 500 && !accepts(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  void kill() {
    if (child_ <= 0) return;
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
    child_ = 0;
  }
  void signal(int number) const { ::kill(child_, number); }
  int port() const { return port_; }
  // With patience for a machine that has much to do, unless a test says otherwise.
  std::string address(const std::string& rest = "?timeout_ms=5000&connect_ms=2000") const {
    return "redis://127.0.0.1:" + std::to_string(port_) + rest;
  }

 private:
  bool accepts() const {
    const int made = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port_));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const bool there = ::connect(made, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    ::close(made);
    return there;
  }

  std::vector<std::string> options_;
  int port_ = 0;
  pid_t child_ = 0;
};

// Takes connections and hands each to `answer`, until it goes.
class FakeServer {
 public:
  explicit FakeServer(std::function<void(int socket)> answer)
      : socket_(listen_on(0)), thread_([this, answer = std::move(answer)] {
          while (!ends_) {
            pollfd one{socket_, POLLIN, 0};
            if (::poll(&one, 1, 20) <= 0) continue;
            const int connection = ::accept(socket_, nullptr, nullptr);
            if (connection < 0) continue;
            answer(connection);
            ::close(connection);
          }
        }) {}
  ~FakeServer() {
    ends_ = true;
    thread_.join();
    ::close(socket_);
  }
  FakeServer(const FakeServer&) = delete;
  FakeServer& operator=(const FakeServer&) = delete;
  std::string address(const std::string& rest = "") const {
    return "redis://127.0.0.1:" + std::to_string(port_of(socket_)) + rest;
  }

 private:
  int socket_;
  std::atomic<bool> ends_ = false;
  std::thread thread_;
};

}  // namespace headwise::testing
