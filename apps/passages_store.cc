// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "passages_store.h"

#include "base/digits.h"
#include "passages/server_address.h"

namespace headwise {

void add_store_choice(CLI::App& verb, StoreChoice& choice, const char* json_help) {
  verb.add_option("--keep", choice.keep, "Where the passages are kept: a folder, or redis://host:port/db")
      ->group("Work")
      ->required();
  verb.add_flag("--json", choice.json, json_help)->group("Result");
}

Result<std::shared_ptr<PassageStore>> open_folder(const StoreChoice& choice, const std::string& what) {
  if (is_server_address(choice.keep)) {
    return fail(ErrorCode::kUnsupported, what +
                                             " is for folders: a server looks after its keys itself, and "
                                             "each passage is checked when it is read");
  }
  auto store = PassageStore::open(choice.keep);
  if (!store) return fail(std::move(store.error()).with_context("opening --keep '" + choice.keep + "'"));
  return store;
}

std::string size_text(const StoreInfo& info) {
  return grouped_digits(static_cast<int64_t>(info.passages)) + " passages, " +
         bytes_text(static_cast<int64_t>(info.bytes));
}

}  // namespace headwise
