// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "search/database.h"

#include <sqlite3.h>

#include <string>
#include <system_error>
#include <utility>

#include "base/check.h"

namespace headwise {
namespace {

tl::unexpected<Error> failure(sqlite3* database) {
  const int code = sqlite3_errcode(database);
  const bool damaged = code == SQLITE_CORRUPT || code == SQLITE_NOTADB;
  const bool full = code == SQLITE_FULL || code == SQLITE_NOMEM || code == SQLITE_TOOBIG;
  return fail(damaged ? ErrorCode::kInvalidInput : (full ? ErrorCode::kResourceLimit : ErrorCode::kIo),
              sqlite3_errmsg(database));
}

}  // namespace

void Statement::Finalize::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
void Database::Close::operator()(sqlite3* database) const { sqlite3_close(database); }

void Statement::bind(int place, int64_t value) { sqlite3_bind_int64(statement_.get(), place, value); }

void Statement::bind_text(int place, std::string_view text) {
  sqlite3_bind_text64(statement_.get(), place, text.data() == nullptr ? "" : text.data(), text.size(),
                      SQLITE_STATIC, SQLITE_UTF8);
}

void Statement::bind_bytes(int place, std::string_view bytes) {
  sqlite3_bind_blob64(statement_.get(), place, bytes.data(), bytes.size(), SQLITE_STATIC);
}

Result<bool> Statement::step() {
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return failure(sqlite3_db_handle(statement_.get()));
}

void Statement::reset() { sqlite3_reset(statement_.get()); }

Status Statement::run() {
  const auto stepped = step();
  reset();
  HW_RETURN_IF_ERROR(stepped);
  return {};
}

int64_t Statement::whole(int column) const { return sqlite3_column_int64(statement_.get(), column); }

std::string_view Statement::bytes(int column) const {
  const void* data = sqlite3_column_blob(statement_.get(), column);
  const int size = sqlite3_column_bytes(statement_.get(), column);
  return data == nullptr ? std::string_view{} : std::string_view(static_cast<const char*>(data), size);
}

Result<Database> Database::open(const std::filesystem::path& file, Use use) {
  const int flags = use == Use::kCreate ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY;
  sqlite3* opened = nullptr;
  // A whole path: ":memory:" and "file:" names are files here.
  const std::string path = std::filesystem::absolute(file).string();
  const int code = sqlite3_open_v2(path.c_str(), &opened, flags | SQLITE_OPEN_NOMUTEX, nullptr);
  Database database(opened);
  if (code == SQLITE_CANTOPEN) {  // SQLite does not say why
    const int why = sqlite3_system_errno(opened);
    return fail(ErrorCode::kIo, "the index cannot be opened or made" +
                                    (why == 0 ? "" : ": " + std::generic_category().message(why)) +
                                    "; --index names another place");
  }
  if (code != SQLITE_OK) return failure(opened);
  if (use == Use::kCreate) {
    HW_RETURN_IF_ERROR(database.run("PRAGMA journal_mode = OFF; PRAGMA locking_mode = EXCLUSIVE"));
  }
  return database;
}

Status Database::run(const char* sql) {
  if (sqlite3_exec(database_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) {
    return failure(database_.get());
  }
  return {};
}

Result<Statement> Database::prepare(const char* sql) const {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(database_.get(), sql, -1, &statement, nullptr) != SQLITE_OK) {
    return failure(database_.get());
  }
  return Statement(statement);
}

}  // namespace headwise
