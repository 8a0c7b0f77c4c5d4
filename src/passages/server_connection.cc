// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "passages/server_connection.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/check.h"

namespace headwise {
namespace {

constexpr size_t kReadBytes = 256 << 10;

tl::unexpected<Error> broken(const std::string& what) { return fail(ErrorCode::kIo, what); }

// Until `events` are there; the errors of the socket itself come with the next call.
Status wait_for(int socket, short events, ServerClock::time_point until) {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - ServerClock::now()).count();
    pollfd one{socket, events, 0};
    const int ready = ::poll(&one, 1, static_cast<int>(std::max<int64_t>(left, 0)));
    if (ready > 0) return {};
    if (ready == 0) return broken("it did not answer in time");
    if (errno != EINTR) return broken(std::strerror(errno));
  }
}

Result<FileDescriptor> connect_to(const addrinfo& place, ServerClock::time_point until) {
  FileDescriptor made(
      ::socket(place.ai_family, place.ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, place.ai_protocol));
  if (made.get() < 0) return broken(std::strerror(errno));
  const int on = 1;
  ::setsockopt(made.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (::connect(made.get(), place.ai_addr, place.ai_addrlen) == 0) return made;
  if (errno != EINPROGRESS) return broken(std::strerror(errno));
  HW_RETURN_IF_ERROR(wait_for(made.get(), POLLOUT, until));
  int error = 0;
  socklen_t length = sizeof error;
  ::getsockopt(made.get(), SOL_SOCKET, SO_ERROR, &error, &length);
  if (error != 0) return broken(std::strerror(error));
  return made;
}

}  // namespace

Result<std::unique_ptr<ServerConnection>> ServerConnection::open(const ServerAddress& address) {
  std::unique_ptr<ServerConnection> opened(new ServerConnection);
  HW_RETURN_IF_ERROR(opened->connect(address));
  opened->reader_.reset(redisReaderCreate());
  if (opened->reader_ == nullptr) return fail(ErrorCode::kResourceLimit, "no memory for a connection");
  opened->buffer_.resize(kReadBytes);
  HW_RETURN_IF_ERROR(opened->log_in(address));
  return opened;
}

Status ServerConnection::connect(const ServerAddress& address) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* places = nullptr;
  const std::string port = std::to_string(address.port);
  if (const int code = ::getaddrinfo(address.host.c_str(), port.c_str(), &hints, &places); code != 0) {
    return broken("cannot find '" + address.host + "': " + ::gai_strerror(code));
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(places, &::freeaddrinfo);
  const auto until = ServerClock::now() + std::chrono::milliseconds(address.connect_ms);
  Status failed = broken("it has no address");
  for (const addrinfo* place = places; place != nullptr; place = place->ai_next) {
    auto made = connect_to(*place, until);
    if (made) {
      socket_ = std::move(*made);
      return {};
    }
    failed = fail(std::move(made.error()));
  }
  return failed;
}

Status ServerConnection::log_in(const ServerAddress& address) {
  const auto until = ServerClock::now() + std::chrono::milliseconds(address.timeout_ms);
  if (!address.password.empty()) {
    std::vector<std::string_view> words = {"AUTH"};
    if (!address.user.empty()) words.push_back(address.user);
    words.push_back(address.password);
    HW_RETURN_IF_ERROR(demand(words, until));
  }
  if (address.database == 0) return {};
  const std::string database = std::to_string(address.database);
  return demand(std::vector<std::string_view>{"SELECT", database}, until);
}

Status ServerConnection::demand(std::span<const std::string_view> words, ServerClock::time_point until) {
  HW_RETURN_IF_ERROR(send(words, until));
  const auto reply = receive(until);
  HW_RETURN_IF_ERROR(reply);
  if ((*reply)->type == REDIS_REPLY_ERROR) return broken((*reply)->str);
  return {};
}

Status ServerConnection::send(std::span<const std::string_view> words, ServerClock::time_point until) {
  std::vector<const char*> texts;
  std::vector<size_t> lengths;
  for (const std::string_view word : words) {
    texts.push_back(word.data());
    lengths.push_back(word.size());
  }
  char* made = nullptr;
  const int length =
      redisFormatCommandArgv(&made, static_cast<int>(texts.size()), texts.data(), lengths.data());
  if (length < 0) return fail(ErrorCode::kResourceLimit, "a command is too long");
  const std::unique_ptr<char, decltype(&redisFreeCommand)> owner(made, &redisFreeCommand);
  for (std::string_view left(made, static_cast<size_t>(length)); !left.empty();) {
    const ssize_t sent = ::send(socket_.get(), left.data(), left.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      left.remove_prefix(static_cast<size_t>(sent));
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      HW_RETURN_IF_ERROR(wait_for(socket_.get(), POLLOUT, until));
    } else if (errno != EINTR) {
      return broken(std::strerror(errno));
    }
  }
  return {};
}

Result<ServerReply> ServerConnection::receive(ServerClock::time_point until) {
  for (;;) {
    void* reply = nullptr;
    if (redisReaderGetReply(reader_.get(), &reply) != REDIS_OK) {
      return broken(std::string("it answers what is no answer: ") + reader_->errstr);
    }
    if (reply != nullptr) return ServerReply(static_cast<redisReply*>(reply));
    if (ServerClock::now() >= until) return broken("it did not answer in time");  // who sends for ever, too
    const ssize_t got = ::recv(socket_.get(), buffer_.data(), buffer_.size(), 0);
    if (got > 0) {
      if (redisReaderFeed(reader_.get(), buffer_.data(), static_cast<size_t>(got)) != REDIS_OK) {
        return broken(std::string("it answers what is no answer: ") + reader_->errstr);
      }
    } else if (got == 0) {
      return broken("it closed the connection");
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      HW_RETURN_IF_ERROR(wait_for(socket_.get(), POLLIN, until));
    } else if (errno != EINTR) {
      return broken(std::strerror(errno));
    }
  }
}

bool ServerConnection::quiet() const {
  pollfd one{socket_.get(), POLLIN, 0};
  return ::poll(&one, 1, 0) == 0;
}

}  // namespace headwise
