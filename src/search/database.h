// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: an SQLite file and its statements, with Result in place of codes. SQLite checks what it
// reads: a damaged file is an error (kInvalidInput), never a crash.
//
// Thread rule: one call at a time.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "headwise/error.h"

struct sqlite3;
struct sqlite3_stmt;

namespace headwise {

class Statement {
 public:
  // Parameters count from 1. The bytes must stay until the next step().
  void bind(int place, int64_t value);
  void bind_text(int place, std::string_view text);
  void bind_bytes(int place, std::string_view bytes);
  // Whether there is a row. After the last one, or reset(), it can run again.
  Result<bool> step();
  void reset();
  // Runs it for what it does, ready to run again.
  Status run();
  // Of the row; columns count from 0. Views are valid until the next step() or reset().
  int64_t whole(int column) const;
  std::string_view bytes(int column) const;

 private:
  friend class Database;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

class Database {
 public:
  enum class Use { kCreate, kRead };
  // kCreate: without a journal, for a file that is of no worth until it is whole.
  static Result<Database> open(const std::filesystem::path& file, Use use);

  Status run(const char* sql);
  Result<Statement> prepare(const char* sql) const;

 private:
  struct Close {
    void operator()(sqlite3* database) const;
  };
  explicit Database(sqlite3* database) : database_(database) {}
  std::unique_ptr<sqlite3, Close> database_;
};

}  // namespace headwise
