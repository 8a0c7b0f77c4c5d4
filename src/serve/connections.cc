// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "serve/connections.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <system_error>
#include <utility>

namespace headwise::serve {
namespace {

constexpr std::string_view kBusy =
    "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nRetry-After: 1\r\nConnection: close\r\n\r\n";

// What lies in a connection's buffer, left there.
enum class Waiting { kNothing, kBytes, kGone };
Waiting waiting(int fd) {
  char byte = 0;
  const ssize_t seen = ::recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return seen > 0 ? Waiting::kBytes : seen == 0 ? Waiting::kGone : Waiting::kNothing;
}

// How long a new connection waits for the place of one that is ending.
constexpr std::chrono::milliseconds kEndingTime{100};

}  // namespace

Connections::Connections(const TransportOptions& options, Serve serve)
    : options_(options), serve_(std::move(serve)) {}

Connections::~Connections() { stop(std::chrono::milliseconds(0)); }

Result<int> Connections::start() {
  auto listener = listen_on(options_.host, options_.port);
  if (!listener) return fail(std::move(listener.error()));
  listener_ = listener->fd;
  wake_ = ::eventfd(0, EFD_CLOEXEC);
  acceptor_ = std::thread([this] { accept_all(); });
  return listener->port;
}

void Connections::stop(std::chrono::milliseconds patience) {
  if (!acceptor_.joinable()) return;
  stopping_ = true;
  const uint64_t one = 1;
  (void)!::write(wake_, &one, sizeof one);
  acceptor_.join();
  ::close(listener_);
  std::unique_lock lock(mutex_);
  for (const Connection& connection : connections_) {
    if (connection.idle) ::shutdown(connection.fd, SHUT_RDWR);
  }
  if (!ended_.wait_for(lock, patience, [this] { return connections_.empty(); })) {
    for (const Connection& connection : connections_) ::shutdown(connection.fd, SHUT_RDWR);
    ended_.wait(lock, [this] { return connections_.empty(); });
  }
  lock.unlock();
  ::close(wake_);
}

size_t Connections::count() const {
  const std::lock_guard lock(mutex_);
  return connections_.size();
}

void Connections::accept_all() {
  while (!stopping_) {
    pollfd waited[] = {{listener_, POLLIN, 0}, {wake_, POLLIN, 0}};
    ::poll(waited, 2, -1);
    if (stopping_) return;
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0) {
      take(fd);
      continue;
    }
    // Out of descriptors or memory: let the longest idle connection go. Anything else (a client that went
    // away before it was accepted) concerns that client alone.
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      close_longest_idle();
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }
}

void Connections::take(int fd) {
  Place place;
  bool full = false;
  {
    std::unique_lock lock(mutex_);
    const auto is_full = [&] { return connections_.size() >= options_.max_connections; };
    // Those whose clients have gone are about to end: their places first.
    ended_.wait_for(lock, kEndingTime, [&] {
      return !is_full() || std::none_of(connections_.begin(), connections_.end(), [](const Connection& one) {
        return waiting(one.fd) == Waiting::kGone;
      });
    });
    full = is_full() && !shut_longest_idle();
    if (!full) {
      connections_.push_back({.fd = fd, .idle = true, .since = Clock::now()});
      place = std::prev(connections_.end());
    }
  }
  if (full) {
    (void)!::send(fd, kBusy.data(), kBusy.size(), MSG_NOSIGNAL);
    ::close(fd);
    return;
  }
  try {
    std::thread([this, place] { run(place); }).detach();
  } catch (const std::system_error&) {  // no more threads
    (void)!::send(fd, kBusy.data(), kBusy.size(), MSG_NOSIGNAL);
    forget(place);
  }
}

void Connections::close_longest_idle() {
  const std::lock_guard lock(mutex_);
  shut_longest_idle();
}

// Its thread wakes and ends. Under the lock.
bool Connections::shut_longest_idle() {
  auto oldest = connections_.end();
  for (auto it = connections_.begin(); it != connections_.end(); ++it) {
    if (!it->idle || (oldest != connections_.end() && it->since >= oldest->since)) continue;
    // Its request has come and its thread has not been woken yet.
    if (waiting(it->fd) == Waiting::kBytes) continue;
    oldest = it;
  }
  if (oldest == connections_.end()) return false;
  ::shutdown(oldest->fd, SHUT_RDWR);
  oldest->idle = false;  // not chosen a second time
  return true;
}

void Connections::forget(Place place) {
  // The notification is under the lock: whoever waits in stop() may destroy this object right after.
  const std::lock_guard lock(mutex_);
  ::close(place->fd);
  connections_.erase(place);
  ended_.notify_all();
}

void Connections::mark(Place place, bool idle) {
  const std::lock_guard lock(mutex_);
  place->idle = idle;
  place->since = Clock::now();
  if (idle && stopping_) ::shutdown(place->fd, SHUT_RDWR);
}

void Connections::run(Place place) {
  serve_(place->fd, [this, place](bool idle) { mark(place, idle); });
  forget(place);
}

}  // namespace headwise::serve
