// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "passages/passage_index.h"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <cstring>
#include <string>

#include "base/check.h"
#include "passages/index_check.h"

namespace headwise {
namespace {

// Address space, not memory: room for a hundred million passages.
constexpr size_t kMapBytes = size_t{8} << 30;
constexpr unsigned kReaders = 1024;

// Keys: 0 is the state, 0 and a big-endian number a segment, 1 and a key a passage. Values are as in memory.
constexpr unsigned char kSegments = 0, kPassages = 1;

struct State {
  uint64_t transaction;  // that wrote it, so that an older page that was taken for the last one is found out
  uint32_t last_segment;
  uint32_t unused;
  uint64_t sum;
};
struct Row {
  SegmentRow row;
  uint64_t sum;
};

static_assert(sizeof(State) == kStateShape.value_bytes && sizeof(Row) == kSegmentShape.value_bytes &&
              sizeof(Place) == kPassageShape.value_bytes);
static_assert(kPassageShape.first == kPassages && kSegmentShape.first == kSegments);

template <typename T>
uint64_t sum_of(const T& value) {
  const Checksum sum = checksum(std::as_bytes(std::span(&value, 1)).first(offsetof(T, sum)));
  return std::bit_cast<std::array<uint64_t, 2>>(sum.bytes)[0];
}

tl::unexpected<Error> failed(int code) {
  const bool room = code == ENOSPC || code == MDB_MAP_FULL || code == EFBIG || code == EDQUOT ||
                    code == MDB_READERS_FULL || code == ENOMEM;
  const bool rotten = code == MDB_INVALID || code == MDB_CORRUPTED || code == MDB_PAGE_NOTFOUND ||
                      code == MDB_VERSION_MISMATCH || code == MDB_PANIC;
  const ErrorCode kind = code == ENOENT ? ErrorCode::kNotFound
                         : room         ? ErrorCode::kResourceLimit
                         : rotten       ? ErrorCode::kInvalidInput
                                        : ErrorCode::kIo;
  return fail(kind, std::string("the index: ") + mdb_strerror(code));
}

tl::unexpected<Error> rotten(const char* what) {
  return fail(ErrorCode::kInvalidInput, std::string("the index is damaged: ") + what);
}

struct Name {
  std::array<unsigned char, 17> bytes{};
  size_t size = 0;
  MDB_val value() { return {size, bytes.data()}; }
};
Name name_of(const PassageKey& key) {
  Name name{{kPassages}, 1 + key.bytes.size()};
  std::memcpy(name.bytes.data() + 1, key.bytes.data(), key.bytes.size());
  return name;
}
Name name_of(uint32_t segment) {
  return {{kSegments, static_cast<unsigned char>(segment >> 24), static_cast<unsigned char>(segment >> 16),
           static_cast<unsigned char>(segment >> 8), static_cast<unsigned char>(segment)},
          5};
}
Name state_name() { return {{kSegments}, 1}; }

template <typename T>
Result<T> value_of(const MDB_val& found) {
  T value;
  if (found.mv_size != sizeof value) return rotten("a value of another length");
  std::memcpy(&value, found.mv_data, sizeof value);
  return value;
}
template <typename T>
Result<T> checked_value(const MDB_val& found) {
  auto value = value_of<T>(found);
  if (value && value->sum != sum_of(*value)) return rotten("a wrong checksum");
  return value;
}

class Reading {
 public:
  explicit Reading(MDB_env* environment) {
    code = mdb_txn_begin(environment, nullptr, MDB_RDONLY, &transaction);
    // Readers that were killed hold their places until somebody looks.
    if (code != MDB_READERS_FULL) return;
    mdb_reader_check(environment, nullptr);
    code = mdb_txn_begin(environment, nullptr, MDB_RDONLY, &transaction);
  }
  Reading(const Reading&) = delete;
  Reading& operator=(const Reading&) = delete;
  ~Reading() {
    if (transaction != nullptr) mdb_txn_abort(transaction);
  }
  MDB_txn* transaction = nullptr;
  int code = 0;
};

class Cursor {
 public:
  Cursor(MDB_txn* transaction, MDB_dbi entries) { code = mdb_cursor_open(transaction, entries, &cursor_); }
  Cursor(const Cursor&) = delete;
  Cursor& operator=(const Cursor&) = delete;
  ~Cursor() {
    if (cursor_ != nullptr) mdb_cursor_close(cursor_);
  }
  void move(MDB_cursor_op operation) { code = mdb_cursor_get(cursor_, &key, &value, operation); }
  void seek(Name name) {
    key = name.value();
    move(MDB_SET_RANGE);
  }
  MDB_val key{}, value{};
  int code = 0;

 private:
  MDB_cursor* cursor_ = nullptr;
};

Result<std::optional<Place>> find_place(MDB_txn* transaction, MDB_dbi entries, const PassageKey& key) {
  Name name = name_of(key);
  MDB_val wanted = name.value();
  MDB_val found{};
  const int code = mdb_get(transaction, entries, &wanted, &found);
  if (code == MDB_NOTFOUND) return std::optional<Place>();
  if (code != 0) return failed(code);
  return value_of<Place>(found);
}

Result<std::vector<SegmentRow>> read_segments(MDB_txn* transaction, MDB_dbi entries) {
  std::vector<SegmentRow> rows;
  Cursor cursor(transaction, entries);
  if (cursor.code != 0) return failed(cursor.code);
  for (cursor.seek(name_of(uint32_t{0})); cursor.code == 0; cursor.move(MDB_NEXT)) {
    if (static_cast<const unsigned char*>(cursor.key.mv_data)[0] != kSegments) return rows;
    const auto row = checked_value<Row>(cursor.value);
    HW_RETURN_IF_ERROR(row);
    rows.push_back(row->row);
  }
  if (cursor.code != MDB_NOTFOUND) return failed(cursor.code);
  return rows;
}

Result<State> read_state(MDB_txn* transaction, MDB_dbi entries) {
  Name name = state_name();
  MDB_val wanted = name.value();
  MDB_val found{};
  if (const int code = mdb_get(transaction, entries, &wanted, &found); code != 0) {
    return code == MDB_NOTFOUND ? rotten("it has no state") : failed(code);
  }
  return checked_value<State>(found);
}

}  // namespace

Result<std::shared_ptr<PassageIndex>> PassageIndex::open(const std::filesystem::path& path, Access access,
                                                         Check check) {
  HW_RETURN_IF_ERROR(check == Check::kAll ? check_index_file(path) : check_index_head(path));
  auto index = open_file(path, access);
  HW_RETURN_IF_ERROR(index);
  HW_RETURN_IF_ERROR((*index)->check_state());
  return index;
}

Result<std::shared_ptr<PassageIndex>> PassageIndex::create(const std::filesystem::path& path) {
  std::filesystem::path lock = path;
  lock += "-lock";
  std::error_code ignored;
  std::filesystem::remove(path, ignored);
  std::filesystem::remove(lock, ignored);
  auto index = open_file(path, Access::kWrite);
  HW_RETURN_IF_ERROR(index);
  auto writer = Writer::begin(**index);
  HW_RETURN_IF_ERROR(writer);
  HW_RETURN_IF_ERROR(writer->reserve_segments(0));
  HW_RETURN_IF_ERROR(writer->commit());
  return index;
}

Result<std::shared_ptr<PassageIndex>> PassageIndex::open_file(const std::filesystem::path& path,
                                                              Access access) {
  std::shared_ptr<PassageIndex> index(new PassageIndex);
  index->path_ = path;
  if (const int code = mdb_env_create(&index->environment_); code != 0) return failed(code);
  mdb_env_set_mapsize(index->environment_, kMapBytes);
  mdb_env_set_maxreaders(index->environment_, kReaders);
  const unsigned flags = MDB_NOSUBDIR | MDB_NOTLS | MDB_NOSYNC |
                         (access == Access::kRead ? unsigned{MDB_RDONLY | MDB_NOLOCK} : 0U);
  int code = mdb_env_open(index->environment_, path.c_str(), flags, 0644);
  if (code != 0) return failed(code);
  Reading reading(index->environment_);
  code = reading.code != 0 ? reading.code : mdb_dbi_open(reading.transaction, nullptr, 0, &index->entries_);
  if (code != 0) return failed(code);
  return index;
}

PassageIndex::~PassageIndex() {
  if (environment_ != nullptr) mdb_env_close(environment_);
}

Status PassageIndex::check_state() const {
  Reading reading(environment_);
  if (reading.code != 0) return failed(reading.code);
  const auto state = read_state(reading.transaction, entries_);
  HW_RETURN_IF_ERROR(state);
  if (state->transaction != mdb_txn_id(reading.transaction)) return rotten("an old state");
  HW_RETURN_IF_ERROR(read_segments(reading.transaction, entries_));
  return {};
}

bool PassageIndex::current() const {
  int file = -1;
  struct stat open {
  }, named{};
  return mdb_env_get_fd(environment_, &file) == 0 && ::fstat(file, &open) == 0 &&
         ::stat(path_.c_str(), &named) == 0 && open.st_ino == named.st_ino && open.st_dev == named.st_dev;
}

Result<PassageIndex::Places> PassageIndex::find(std::span<const KeptSlot> slots) const {
  Places places(slots.size());
  Reading reading(environment_);
  if (reading.code != 0) return failed(reading.code);
  for (size_t i = 0; i < slots.size(); ++i) {
    auto place = find_place(reading.transaction, entries_, slots[i].key);
    HW_RETURN_IF_ERROR(place);
    places[i] = *place;
  }
  return places;
}

Result<std::vector<SegmentRow>> PassageIndex::segments() const {
  Reading reading(environment_);
  if (reading.code != 0) return failed(reading.code);
  return read_segments(reading.transaction, entries_);
}

Result<uint32_t> PassageIndex::last_segment() const {
  Reading reading(environment_);
  if (reading.code != 0) return failed(reading.code);
  const auto state = read_state(reading.transaction, entries_);
  HW_RETURN_IF_ERROR(state);
  return state->last_segment;
}

Status PassageIndex::each(const std::function<bool(const PassageKey&, const Place&)>& visit) const {
  Reading reading(environment_);
  if (reading.code != 0) return failed(reading.code);
  Cursor cursor(reading.transaction, entries_);
  if (cursor.code != 0) return failed(cursor.code);
  for (cursor.seek(name_of(PassageKey{})); cursor.code == 0; cursor.move(MDB_NEXT)) {
    PassageKey key;
    if (cursor.key.mv_size != 1 + key.bytes.size()) return rotten("a key of another length");
    std::memcpy(key.bytes.data(), static_cast<const unsigned char*>(cursor.key.mv_data) + 1,
                key.bytes.size());
    const auto place = value_of<Place>(cursor.value);
    HW_RETURN_IF_ERROR(place);
    if (!visit(key, *place)) return {};
  }
  if (cursor.code != MDB_NOTFOUND) return failed(cursor.code);
  return {};
}

void PassageIndex::clear_readers() { mdb_reader_check(environment_, nullptr); }

Result<PassageIndex::Writer> PassageIndex::Writer::begin(PassageIndex& index) {
  MDB_txn* transaction = nullptr;
  if (const int code = mdb_txn_begin(index.environment_, nullptr, 0, &transaction); code != 0)
    return failed(code);
  return Writer(index, transaction);
}

PassageIndex::Writer::~Writer() {
  if (transaction_ != nullptr) mdb_txn_abort(transaction_);
}

Result<std::optional<Place>> PassageIndex::Writer::find(const PassageKey& key) const {
  return find_place(transaction_, index_->entries_, key);
}

Result<std::vector<SegmentRow>> PassageIndex::Writer::segments() const {
  return read_segments(transaction_, index_->entries_);
}

Result<uint32_t> PassageIndex::Writer::next_segment() {
  const auto state = read_state(transaction_, index_->entries_);
  HW_RETURN_IF_ERROR(state);
  HW_RETURN_IF_ERROR(reserve_segments(state->last_segment + 1));
  return state->last_segment + 1;
}

namespace {

Status store_value(MDB_txn* transaction, MDB_dbi entries, Name name, const void* value, size_t bytes) {
  MDB_val key = name.value();
  MDB_val data{bytes, const_cast<void*>(value)};
  if (const int code = mdb_put(transaction, entries, &key, &data, 0); code != 0) return failed(code);
  return {};
}

Status erase_value(MDB_txn* transaction, MDB_dbi entries, Name name) {
  MDB_val key = name.value();
  const int code = mdb_del(transaction, entries, &key, nullptr);
  if (code != 0 && code != MDB_NOTFOUND) return failed(code);
  return {};
}

}  // namespace

Status PassageIndex::Writer::reserve_segments(uint32_t last) {
  State state{mdb_txn_id(transaction_), last, 0, 0};
  state.sum = sum_of(state);
  return store_value(transaction_, index_->entries_, state_name(), &state, sizeof state);
}

Status PassageIndex::Writer::put(const PassageKey& key, const Place& place) {
  return store_value(transaction_, index_->entries_, name_of(key), &place, sizeof place);
}

Status PassageIndex::Writer::erase(const PassageKey& key) {
  return erase_value(transaction_, index_->entries_, name_of(key));
}

Status PassageIndex::Writer::set(const SegmentRow& row) {
  Row checked{row, 0};
  checked.sum = sum_of(checked);
  return store_value(transaction_, index_->entries_, name_of(row.number), &checked, sizeof checked);
}

Status PassageIndex::Writer::erase_segment(uint32_t number) {
  return erase_value(transaction_, index_->entries_, name_of(number));
}

Status PassageIndex::Writer::commit() {
  const auto state = read_state(transaction_, index_->entries_);
  HW_RETURN_IF_ERROR(state);
  HW_RETURN_IF_ERROR(reserve_segments(state->last_segment));
  if (const int code = mdb_txn_commit(std::exchange(transaction_, nullptr)); code != 0) return failed(code);
  return {};
}

}  // namespace headwise
