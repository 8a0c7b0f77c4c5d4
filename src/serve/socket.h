// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: sockets with deadlines: a listening one, and one client's, read and written through
// buffers. A client that sends a byte now and then cannot hold a thread longer than the deadline says.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "headwise/error.h"
#include "serve/transport.h"

namespace headwise::serve {

using Clock = std::chrono::steady_clock;

struct Listener {
  int fd = -1;
  int port = 0;
};
// Bound and listening, not blocking. kUsage: no such host; kIo: the address is taken or not ours.
Result<Listener> listen_on(const std::string& host, int port);

// Does not own the descriptor: the list of connections closes it, under its lock.
class ClientSocket : public ClientLink {
 public:
  explicit ClientSocket(int fd);
  ClientSocket(const ClientSocket&) = delete;
  ClientSocket& operator=(const ClientSocket&) = delete;

  // True when there is something to read; false at the end of the stream or when the time is up.
  bool wait_for_request(std::chrono::milliseconds time);
  // What may be read from now on, and until when. Beyond either, read() fails.
  void allow_reading(size_t bytes, Clock::time_point until);
  // Bytes read, 0 at the end of the stream, -1 on an error, past the deadline or past the allowance.
  // What is still to be written goes out first: the client may wait for it.
  ptrdiff_t read(char* data, size_t size);
  bool timed_out() const { return timed_out_; }

  // Into the buffer; false when the client takes nothing any more.
  bool write(std::string_view data);
  bool flush();
  void set_write_time(std::chrono::milliseconds time) { write_time_ = time; }

  // The client has closed its side, or the connection is broken.
  bool gone() const override;
  // Says "no more from us" and reads what is still coming, for a short while: closing at once would make the
  // kernel throw away the answer that is on its way.
  void say_goodbye();

  std::string remote_address() const;

 private:
  bool fill(Clock::time_point until);
  bool send_all(std::string_view data);

  int fd_;
  std::string in_;
  size_t in_begin_ = 0;
  std::string out_;
  size_t allowed_ = 0;
  Clock::time_point until_;
  std::chrono::milliseconds write_time_{30000};
  bool timed_out_ = false;
  bool broken_ = false;
};

}  // namespace headwise::serve
