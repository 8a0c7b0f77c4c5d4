// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Opening, and who else has it open. Reading and writing: passage_store_access.cc; upkeep: passage_upkeep.cc.

#include "passages/passage_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <limits>
#include <thread>

#include "base/check.h"
#include "passages/passage_key.h"
#include "passages/store_manifest.h"

namespace headwise {
namespace {

constexpr uint64_t kSegmentBytes = uint64_t{256} << 20;
constexpr std::chrono::milliseconds kOpenPatience(10000);

// LMDB must not have one file open twice in a process: closing either drops the locks of both. So stores are
// shared by folder, and one is not opened again before the last one has closed.
struct OpenStores {
  std::mutex mutex;
  std::condition_variable closed;
  std::map<std::filesystem::path, std::weak_ptr<PassageStore>> stores;
};
OpenStores& open_stores() {
  static OpenStores stores;
  return stores;
}

}  // namespace

PassageStore::PassageStore(std::filesystem::path folder, const StoreOptions& options)
    : folder_(std::move(folder)), process_(::getpid()), reader_(options.reader) {
  set_bound(options);
}

PassageStore::~PassageStore() {
  index_.reset();
  if (!registered_) return;
  OpenStores& open = open_stores();
  const std::lock_guard lock(open.mutex);
  open.stores.erase(folder_);
  open.closed.notify_all();
}

void PassageStore::set_bound(const StoreOptions& options) {
  uint64_t segment = options.segment_bytes > 0 ? options.segment_bytes : kSegmentBytes;
  if (options.bytes > 0) segment = std::min(segment, options.bytes / 8);
  segment_pages_ = std::max<uint64_t>(segment / kPlacePage, 1);
  bound_pages_ = options.bytes > 0 ? std::max<uint64_t>(options.bytes / kPlacePage, 1) : 0;
}

void PassageStore::raise_bound(const StoreOptions& options) {
  const bool wider = options.bytes == 0 || options.bytes / kPlacePage > bound_pages_;
  if (bound_pages_ != 0 && wider) set_bound(options);
}

Result<std::shared_ptr<PassageStore>> PassageStore::open(const std::filesystem::path& folder,
                                                         const KeptContext& context,
                                                         const StoreOptions& options) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error && !std::filesystem::is_directory(folder)) {
    return fail(ErrorCode::kIo, "cannot make the folder '" + folder.string() + "': " + error.message());
  }
  return open_once(folder, &context, options);
}

Result<std::shared_ptr<PassageStore>> PassageStore::open(const std::filesystem::path& folder,
                                                         const StoreOptions& options) {
  std::error_code ignored;
  if (!std::filesystem::exists(folder / "store.json", ignored)) {
    return fail(ErrorCode::kNotFound, "'" + folder.string() + "' keeps no passages: it has no store.json");
  }
  return open_once(folder, nullptr, options);
}

Result<std::shared_ptr<PassageStore>> PassageStore::open_once(const std::filesystem::path& folder,
                                                              const KeptContext* context,
                                                              const StoreOptions& options) {
  std::error_code error;
  const std::filesystem::path name = std::filesystem::canonical(folder, error);
  if (error) return fail(ErrorCode::kNotFound, "cannot find '" + folder.string() + "': " + error.message());
  OpenStores& open = open_stores();
  std::unique_lock lock(open.mutex);
  for (;;) {
    const auto known = open.stores.find(name);
    if (known == open.stores.end()) break;
    if (const auto store = known->second.lock(); store != nullptr) {
      if (context != nullptr) HW_RETURN_IF_ERROR(store->settle_manifest(context));
      if (context != nullptr) store->raise_bound(options);
      return store;
    }
    open.closed.wait(lock);  // it is closing
  }
  // Its end takes the lock that is held here, so what fails ends after it.
  std::shared_ptr<PassageStore> store(new PassageStore(name, options));
  const auto opened = [&]() -> Status {
    HW_RETURN_IF_ERROR(check_folder(name));
    HW_RETURN_IF_ERROR(store->open_lock());
    std::optional<Result<StoreLock>> held;
    if (store->lock_file_.get() >= 0) {
      held.emplace(StoreLock::take(store->lock_file_.get(), store->read_only_.empty() ? LOCK_EX : LOCK_SH,
                                   kOpenPatience));
      HW_RETURN_IF_ERROR(*held);
    }
    HW_RETURN_IF_ERROR(store->settle_manifest(context));
    HW_RETURN_IF_ERROR(store->open_index(store->enter()));
    if (store->users_file_.get() >= 0) ::flock(store->users_file_.get(), LOCK_SH | LOCK_NB);
    return {};
  }();
  if (opened) {
    store->registered_ = true;
    open.stores[name] = store;
    return store;
  }
  lock.unlock();
  return fail(Error(opened.error()).with_context("opening kept passages in '" + folder.string() + "'"));
}

Status PassageStore::open_lock() {
  const auto path = folder_ / "lock";
  lock_file_ = FileDescriptor(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (lock_file_.get() >= 0 && ::access(folder_.c_str(), W_OK) == 0) return {};
  const int number = errno;
  if (number != EACCES && number != EROFS && number != EPERM) return system_failure("open", path, number);
  read_only_ = "'" + folder_.string() + "' cannot be written: " + std::strerror(number);
  lock_file_ = FileDescriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  return {};
}

Status PassageStore::settle_manifest(const KeptContext* context) {
  auto manifest = read_manifest(folder_);
  if (manifest) {
    const std::string other = context == nullptr ? "" : difference(*manifest, *context);
    if (!other.empty()) {
      return fail(ErrorCode::kInvalidInput, "'" + folder_.string() + "' keeps passages of another kind: " +
                                                other + ". Name another folder, or drop this one");
    }
    manifest_ = std::move(*manifest);
    return {};
  }
  if (context == nullptr) return fail(std::move(manifest.error()));
  HW_RETURN_IF_ERROR(check_owner(*context));
  if (!read_only_.empty()) return fail(std::move(manifest.error()));
  HW_RETURN_IF_ERROR(write_manifest(folder_, *context));
  manifest_ = context->describe();
  return {};
}

// A store without its manifest is taken over where the passages in it have this context's names.
Status PassageStore::check_owner(const KeptContext& context) const {
  const std::string digest = context.digest();
  std::error_code error;
  for (auto entry = std::filesystem::directory_iterator(folder_, error);
       !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    const uint32_t number = segment_number(entry->path().filename().string());
    const auto file = number == 0 ? fail(ErrorCode::kNotFound, "") : SegmentFile::open(entry->path(), 0);
    if (!file) continue;
    bool ours = true;
    each_record(**file, number, std::numeric_limits<uint32_t>::max(),
                [&](const Place&, const RecordView& record) {
                  ours = record.key == passage_key(digest, record.tokens) ||
                         record.key == passage_key(prefix_digest(digest), record.tokens);
                  return false;
                });
    if (!ours) {
      return fail(ErrorCode::kInvalidInput,
                  "'" + folder_.string() +
                      "' has lost its manifest, and its passages are of another model, template or form");
    }
  }
  return {};
}

// The folder is held, so that two do not enter at once. While somebody has it open the index is as that one
// found it: pages are flushed by the system, whoever is killed.
PassageIndex::Check PassageStore::enter() {
  const auto path = folder_ / "users";
  const int flags = read_only_.empty() ? O_RDWR | O_CREAT : O_RDONLY;
  users_file_ = FileDescriptor(::open(path.c_str(), flags | O_CLOEXEC, 0644));
  if (users_file_.get() < 0 || ::flock(users_file_.get(), LOCK_EX | LOCK_NB) == 0)
    return PassageIndex::Check::kAll;
  return PassageIndex::Check::kState;
}

Status PassageStore::open_index(PassageIndex::Check check) {
  const auto path = folder_ / "index.mdb";
  if (read_only_.empty()) {
    auto opened = PassageIndex::open(path, PassageIndex::Access::kWrite, check);
    if (opened) {
      index_ = std::move(*opened);
      index_->clear_readers();
      remove_leftovers();
      return {};
    }
    const ErrorCode code = opened.error().code();
    if (code == ErrorCode::kNotFound || code == ErrorCode::kInvalidInput) return make_index(false);
    if (code != ErrorCode::kIo) return fail(std::move(opened.error()));
    read_only_ = opened.error().message();
  }
  auto opened = PassageIndex::open(path, PassageIndex::Access::kRead, check);
  HW_RETURN_IF_ERROR(opened);
  index_ = std::move(*opened);
  return {};
}

// Files of segments that the index has given up, when its process ended before it removed them.
void PassageStore::remove_leftovers() {
  const auto rows = index_->segments();
  const auto last = index_->last_segment();
  if (!rows || !last) return;
  std::error_code error;
  std::vector<std::filesystem::path> gone;
  for (auto entry = std::filesystem::directory_iterator(folder_, error);
       !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    const uint32_t number = segment_number(entry->path().filename().string());
    if (number == 0 || number > *last) continue;
    if (std::ranges::find(*rows, number, &SegmentRow::number) == rows->end()) gone.push_back(entry->path());
  }
  for (const auto& path : gone) std::filesystem::remove(path, error);
}

Status PassageStore::make_index(bool check_all) {
  const auto path = folder_ / "index.mdb";
  const auto fresh = folder_ / "index.new";
  {
    auto made = PassageIndex::create(fresh);
    HW_RETURN_IF_ERROR(made);
    HW_RETURN_IF_ERROR(fill_index(**made, folder_, check_all));
  }
  std::error_code error;
  std::filesystem::remove(folder_ / "index.new-lock", error);
  std::filesystem::remove(folder_ / "index.mdb-lock", error);
  std::filesystem::rename(fresh, path, error);
  if (error) return fail(ErrorCode::kIo, "cannot replace '" + path.string() + "': " + error.message());
  auto opened = PassageIndex::open(path, PassageIndex::Access::kWrite, PassageIndex::Check::kState);
  HW_RETURN_IF_ERROR(opened);
  const std::lock_guard lock(mutex_);
  index_ = std::move(*opened);
  return {};
}

std::shared_ptr<PassageIndex> PassageStore::index() const {
  const std::lock_guard lock(mutex_);
  return index_;
}

Result<PassageStore::Held> PassageStore::hold(std::chrono::milliseconds patience) {
  if (!read_only_.empty()) return fail(ErrorCode::kIo, read_only_);
  if (::getpid() != process_) {
    return fail(ErrorCode::kUsage,
                "kept passages were opened by the parent of this process: open them again");
  }
  std::unique_lock thread(write_mutex_, std::try_to_lock);
  // In steps: ThreadSanitizer of GCC 12 does not know what locks until a time.
  for (auto left = patience; !thread.owns_lock() && left.count() > 0; --left) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    static_cast<void>(thread.try_lock());
  }
  if (!thread.owns_lock()) return fail(ErrorCode::kResourceLimit, "another thread is writing kept passages");
  auto process = StoreLock::take(lock_file_.get(), LOCK_EX, patience);
  HW_RETURN_IF_ERROR(process);
  struct stat info {};
  if (::fstat(lock_file_.get(), &info) != 0 || info.st_nlink == 0) {
    return fail(ErrorCode::kNotFound, "'" + folder_.string() + "' was dropped");
  }
  if (!index()->current()) HW_RETURN_IF_ERROR(reopen_index());
  return Held{std::move(thread), std::move(*process)};
}

// Another process made it again, or somebody removed it.
Status PassageStore::reopen_index() {
  auto opened =
      PassageIndex::open(folder_ / "index.mdb", PassageIndex::Access::kWrite, PassageIndex::Check::kState);
  if (!opened && opened.error().code() == ErrorCode::kNotFound) return make_index(false);
  HW_RETURN_IF_ERROR(opened);
  const std::lock_guard lock(mutex_);
  index_ = std::move(*opened);
  return {};
}

Result<std::shared_ptr<PassageIndex>> PassageStore::current_index() {
  auto now = index();
  if (now->current() || !read_only_.empty()) return now;
  // Made again by another process, or dropped: then the old one is empty.
  if (const auto held = hold(std::chrono::milliseconds(100)); !held) return now;
  return index();
}

}  // namespace headwise
