// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "serve/socket.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace headwise::serve {
namespace {

constexpr size_t kReadSize = 16 * 1024;
constexpr size_t kFlushAt = 64 * 1024;
constexpr int kBacklog = 1024;
constexpr std::chrono::milliseconds kGoodbyeTime{3000};
constexpr size_t kGoodbyeBytes = size_t{256} << 20;

// True when one of the events came; false when the time is up. A signal does not end the wait.
bool wait_for(int fd, short events, Clock::time_point until) {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
    pollfd waited{fd, events, 0};
    const int ready = ::poll(&waited, 1, static_cast<int>(std::clamp<int64_t>(left, 0, 1000 * 3600)));
    if (ready > 0) return true;
    if (ready == 0) return false;
    if (errno != EINTR) return false;
  }
}

std::string address_text(const sockaddr_storage& address, socklen_t size) {
  std::array<char, NI_MAXHOST> host{};
  const int failed = ::getnameinfo(reinterpret_cast<const sockaddr*>(&address), size, host.data(),
                                   static_cast<socklen_t>(host.size()), nullptr, 0, NI_NUMERICHOST);
  return failed == 0 ? host.data() : "";
}

int port_of(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return 0;
  if (address.ss_family == AF_INET6) return ntohs(reinterpret_cast<const sockaddr_in6&>(address).sin6_port);
  return ntohs(reinterpret_cast<const sockaddr_in&>(address).sin_port);
}

}  // namespace

Result<Listener> listen_on(const std::string& host, int port) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int problem =
      ::getaddrinfo(host.empty() ? nullptr : host.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (problem != 0) {
    return fail(ErrorCode::kUsage, "--host '" + host + "': " + ::gai_strerror(problem) +
                                       "; give an address of this machine, 127.0.0.1 or 0.0.0.0");
  }
  int error = 0;
  for (const addrinfo* address = found; address != nullptr; address = address->ai_next) {
    const int fd = ::socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
      error = errno;
      continue;
    }
    const int on = 1;
    ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (::bind(fd, address->ai_addr, address->ai_addrlen) == 0 && ::listen(fd, kBacklog) == 0) {
      ::freeaddrinfo(found);
      return Listener{fd, port_of(fd)};
    }
    error = errno;
    ::close(fd);
  }
  ::freeaddrinfo(found);
  return fail(ErrorCode::kIo, "cannot listen on " + host + " port " + std::to_string(port) + ": " +
                                  std::strerror(error) + "; choose another with --host and --port");
}

ClientSocket::ClientSocket(int fd) : fd_(fd), until_(Clock::now()) {
  const int on = 1;
  // Answers are small and leave in one piece; Nagle's wait would add 40 ms to every second request.
  ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

bool ClientSocket::wait_for_request(std::chrono::milliseconds time) {
  if (in_begin_ < in_.size()) return true;
  if (!flush()) return false;
  return fill(Clock::now() + time);
}

void ClientSocket::allow_reading(size_t bytes, Clock::time_point until) {
  allowed_ = bytes;
  until_ = until;
}

bool ClientSocket::fill(Clock::time_point until) {
  in_.resize(kReadSize);
  in_begin_ = 0;
  for (;;) {
    const ssize_t got = ::recv(fd_, in_.data(), in_.size(), 0);
    if (got >= 0) {
      in_.resize(static_cast<size_t>(got));
      return got > 0;
    }
    const int error = errno;
    if (error == EINTR) continue;
    if ((error == EAGAIN || error == EWOULDBLOCK) && wait_for(fd_, POLLIN | POLLRDHUP, until)) continue;
    timed_out_ = error == EAGAIN || error == EWOULDBLOCK;
    broken_ = !timed_out_;
    in_.clear();
    return false;
  }
}

ptrdiff_t ClientSocket::read(char* data, size_t size) {
  if (in_begin_ == in_.size()) {
    if (!flush()) return -1;
    if (Clock::now() >= until_) {
      timed_out_ = true;
      return -1;
    }
    if (!fill(until_)) return timed_out_ || broken_ ? -1 : 0;
  }
  const size_t taken = std::min({size, in_.size() - in_begin_, allowed_});
  if (taken == 0) return -1;
  std::memcpy(data, in_.data() + in_begin_, taken);
  in_begin_ += taken;
  allowed_ -= taken;
  return static_cast<ptrdiff_t>(taken);
}

bool ClientSocket::write(std::string_view data) {
  if (out_.size() + data.size() <= kFlushAt) {
    out_.append(data);
    return !broken_;
  }
  return flush() && send_all(data);
}

bool ClientSocket::flush() {
  if (out_.empty()) return !broken_;
  const std::string waiting = std::move(out_);
  out_.clear();
  return send_all(waiting);
}

bool ClientSocket::send_all(std::string_view data) {
  while (!data.empty() && !broken_) {
    const ssize_t sent = ::send(fd_, data.data(), data.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      data.remove_prefix(static_cast<size_t>(sent));
      continue;
    }
    if (errno == EINTR) continue;
    if ((errno == EAGAIN || errno == EWOULDBLOCK) && wait_for(fd_, POLLOUT, Clock::now() + write_time_))
      continue;
    broken_ = true;
  }
  return !broken_;
}

bool ClientSocket::gone() const {
  pollfd asked{fd_, POLLRDHUP, 0};
  return ::poll(&asked, 1, 0) > 0 && (asked.revents & (POLLRDHUP | POLLHUP | POLLERR | POLLNVAL)) != 0;
}

void ClientSocket::say_goodbye() {
  flush();
  ::shutdown(fd_, SHUT_WR);
  if (broken_) return;
  const auto until = Clock::now() + kGoodbyeTime;
  for (size_t thrown_away = 0; thrown_away < kGoodbyeBytes && Clock::now() < until;) {
    if (!fill(until)) return;
    thrown_away += in_.size();
  }
}

std::string ClientSocket::remote_address() const {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (::getpeername(fd_, reinterpret_cast<sockaddr*>(&address), &size) != 0) return {};
  return address_text(address, size);
}

}  // namespace headwise::serve
