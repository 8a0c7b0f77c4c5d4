// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "passages/server_tier.h"

#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/aligned_buffer.h"
#include "base/check.h"
#include "passages/record.h"

namespace headwise {
namespace {

constexpr std::chrono::milliseconds kFirstPause(250), kLongestPause(30000);
constexpr std::chrono::milliseconds kPerSlot(10);  // about what encoding a passage takes
constexpr size_t kMostIdle = 8;

using Words = std::vector<std::string_view>;

}  // namespace

void TryAgain::failed() {
  pause_ = pause_.count() == 0 ? kFirstPause : std::min(2 * pause_, kLongestPause);
  next_ = ServerClock::now() + pause_;
}

ServerTier::ServerTier(ServerAddress address, const KeptContext& context, SegmentReader reader)
    : address_(std::move(address)),
      front_("headwise:" + std::to_string(kKeptFormat) + ":" + context.digest()),
      about_(context.describe().dump()),
      reader_(reader),
      process_(::getpid()) {}

ServerTier::Connection ServerTier::lend() {
  {
    const std::lock_guard lock(mutex_);
    if (process_ != ::getpid()) {  // forked: the connections are the parent's
      process_ = ::getpid();
      idle_.clear();
    }
    if (!reading_.now()) return nullptr;
    while (!idle_.empty()) {
      Connection connection = std::move(idle_.back());
      idle_.pop_back();
      if (connection->quiet()) return connection;
    }
  }
  auto opened = ServerConnection::open(address_);
  if (opened) return std::move(*opened);
  failed(opened.error().message());
  return nullptr;
}

void ServerTier::give_back(Connection connection) {
  const std::lock_guard lock(mutex_);
  reading_.worked();
  if (idle_.size() < kMostIdle) idle_.push_back(std::move(connection));
}

void ServerTier::note_error(const std::string& what) {
  const std::lock_guard lock(mutex_);
  ++statistics_.errors;
  statistics_.last_error = address_.shown() + ": " + what;
}

void ServerTier::failed(const std::string& what) {
  note_error(what);
  const std::lock_guard lock(mutex_);
  reading_.failed();
  idle_.clear();
}

bool ServerTier::may_write() const {
  const std::lock_guard lock(mutex_);
  return writing_.now();
}

ServerClock::time_point ServerTier::deadline(size_t slots) const {
  return ServerClock::now() + std::chrono::milliseconds(address_.timeout_ms) + slots * kPerSlot;
}

template <typename WordsOf, typename Take>
Status ServerTier::ask(ServerConnection& connection, size_t slots, const WordsOf& words,
                       const Take& take) const {
  const auto until = deadline(slots);
  for (size_t i = 0; i < slots; ++i) HW_RETURN_IF_ERROR(words(i, until));
  for (size_t i = 0; i < slots; ++i) {
    const auto reply = connection.receive(until);
    HW_RETURN_IF_ERROR(reply);
    HW_RETURN_IF_ERROR(take(i, **reply));
  }
  return {};
}

std::vector<KeptPtr> ServerTier::get(std::span<const KeptSlot> slots) {
  std::vector<KeptPtr> found(slots.size());
  Connection connection = slots.empty() ? nullptr : lend();
  if (connection != nullptr) {
    const Status asked = ask(
        *connection, slots.size(),
        [&](size_t i, ServerClock::time_point until) {
          return connection->send(Words{"GET", name(slots[i].key)}, until);
        },
        [&](size_t i, const redisReply& reply) -> Status {
          if (reply.type == REDIS_REPLY_NIL) return {};
          const bool refused =
              reply.type == REDIS_REPLY_ERROR && !std::string_view(reply.str).starts_with("WRONGTYPE");
          if (refused) return fail(ErrorCode::kIo, reply.str);
          found[i] = read(slots[i], reply);
          return {};
        });
    // What came before it failed is good.
    if (asked) {
      give_back(std::move(connection));
    } else {
      failed(asked.error().message());
    }
  }
  const auto missing = static_cast<uint64_t>(std::ranges::count(found, nullptr));
  const std::lock_guard lock(mutex_);
  statistics_.hits += slots.size() - missing;
  statistics_.misses += missing;
  return found;
}

// A value that is not the passage is a miss: it is encoded and kept again, over what was there.
KeptPtr ServerTier::read(const KeptSlot& slot, const redisReply& reply) {
  const auto wrong = [&](const std::string& what) -> KeptPtr {
    note_error("the value of " + name(slot.key) + ": " + what);
    return nullptr;
  };
  if (reply.type != REDIS_REPLY_STRING) return wrong("it is no string");
  auto bytes = std::make_shared<AlignedBuffer<std::byte>>(std::max<size_t>(reply.len, 1));
  std::memcpy(bytes->data(), reply.str, reply.len);
  const auto record = read_record({bytes->data(), reply.len});
  if (!record) return wrong(record.error().message());
  if (record->key != slot.key || record->bytes != reply.len) return wrong("another passage");
  if (!whole_record(*record)) return wrong("its checksum is wrong");
  if (!std::ranges::equal(record->tokens, slot.tokens)) return nullptr;  // another one of this key
  auto segment = reader_(record->image, held(bytes));
  if (!segment) return wrong(segment.error().message());
  return std::move(*segment);
}

void ServerTier::put(std::span<const KeptSlot> slots, std::span<const KeptPtr> segments) {
  std::vector<size_t> fresh;
  for (size_t i = 0; i < slots.size(); ++i) {
    if (segments[i] != nullptr) fresh.push_back(i);
  }
  if (fresh.empty() || !may_write()) return;
  Connection connection = lend();
  if (connection == nullptr) return;
  const std::string ttl = std::to_string(address_.ttl_s);
  const auto set = [&](const std::string& key, std::string_view value, ServerClock::time_point until) {
    Words words = {"SET", key, value};
    if (address_.ttl_s > 0) words.insert(words.end(), {"EX", ttl});
    return connection->send(words, until);
  };
  bool introduce = false;
  {
    const std::lock_guard lock(mutex_);
    introduce = !std::exchange(introduced_, true);
  }
  std::string refused;
  std::string value;
  const Status asked = ask(
      *connection, fresh.size() + (introduce ? 1 : 0),
      [&](size_t i, ServerClock::time_point until) -> Status {
        if (i == fresh.size()) return set(front_, about_, until);
        const auto image = segments[fresh[i]]->image();
        const auto front = record_front(slots[fresh[i]], image);
        value.assign(reinterpret_cast<const char*>(front.data()), front.size());
        value.append(reinterpret_cast<const char*>(image.data()), image.size());
        return set(name(slots[fresh[i]].key), value, until);
      },
      [&](size_t, const redisReply& reply) -> Status {
        if (reply.type == REDIS_REPLY_ERROR) refused = reply.str;
        return {};
      });
  if (!asked) return failed(asked.error().message());
  give_back(std::move(connection));
  if (!refused.empty()) note_error(refused);
  const std::lock_guard lock(mutex_);
  refused.empty() ? writing_.worked() : writing_.failed();
}

std::vector<bool> ServerTier::exists(std::span<const KeptSlot> slots) {
  std::vector<bool> there(slots.size());
  Connection connection = slots.empty() ? nullptr : lend();
  if (connection == nullptr) return there;
  const Status asked = ask(
      *connection, slots.size(),
      [&](size_t i, ServerClock::time_point until) {
        return connection->send(Words{"EXISTS", name(slots[i].key)}, until);
      },
      [&](size_t i, const redisReply& reply) -> Status {
        if (reply.type != REDIS_REPLY_INTEGER)
          return fail(ErrorCode::kIo, "EXISTS is not answered with a number");
        there[i] = reply.integer > 0;
        return {};
      });
  if (!asked) {
    failed(asked.error().message());
  } else {
    give_back(std::move(connection));
  }
  return there;
}

TierStatistics ServerTier::statistics() const {
  const std::lock_guard lock(mutex_);
  return statistics_;
}

}  // namespace headwise
