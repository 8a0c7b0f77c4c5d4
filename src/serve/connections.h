// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the connections of a server: accepted one after the other, a thread for each, the
// longest idle one let go where there are too many. What is spoken on them is somebody else's
// (httplib_transport.cc).
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <list>
#include <mutex>
#include <thread>

#include "headwise/error.h"
#include "serve/socket.h"
#include "serve/transport.h"

namespace headwise::serve {

class Connections {
 public:
  // Tells whether the connection waits for a request or reads its head.
  using Mark = std::function<void(bool idle)>;
  // Called on the connection's own thread; when it returns, the connection is closed.
  using Serve = std::function<void(int fd, const Mark& mark)>;

  Connections(const TransportOptions& options, Serve serve);
  Connections(const Connections&) = delete;
  Connections& operator=(const Connections&) = delete;
  ~Connections();

  // The port that it listens on.
  Result<int> start();
  // Idle connections are closed at once, the others after `patience`; returns when all have ended.
  void stop(std::chrono::milliseconds patience);
  bool stopping() const { return stopping_; }
  size_t count() const;

 private:
  struct Connection {
    int fd = -1;
    bool idle = true;  // waiting for a request or reading its head
    Clock::time_point since;
  };
  using Place = std::list<Connection>::iterator;

  void accept_all();
  void take(int fd);
  void close_longest_idle();
  bool shut_longest_idle();
  void run(Place place);
  void forget(Place place);
  void mark(Place place, bool idle);

  TransportOptions options_;
  Serve serve_;
  std::atomic<bool> stopping_{false};
  int listener_ = -1;
  int wake_ = -1;
  std::thread acceptor_;
  mutable std::mutex mutex_;
  std::condition_variable ended_;
  std::list<Connection> connections_;
};

}  // namespace headwise::serve
