// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The verb `passages drop`: a store with all that is in it. A folder that is none is never touched.
#include <unistd.h>

#include <iostream>
#include <memory>
#include <string>

#include "base/check.h"
#include "base/digits.h"
#include "common/output.h"
#include "passages/server_tier.h"
#include "passages_store.h"

namespace headwise {
namespace {

struct DropFlags : StoreChoice {
  bool yes = false;
};

Status ask(const std::string& question) {
  if (::isatty(STDIN_FILENO) != 1) {
    return fail(ErrorCode::kUsage, question + " Nobody is there to say so: add --yes");
  }
  std::cerr << question << " [y/N] " << std::flush;
  std::string answer;
  std::getline(std::cin, answer);
  if (answer == "y" || answer == "yes") return {};
  return fail(ErrorCode::kCancelled, "nothing was dropped");
}

Status drop_server(const DropFlags& flags) {
  const auto address = parse_server_address(flags.keep);
  HW_RETURN_IF_ERROR(address);
  if (!flags.yes) HW_RETURN_IF_ERROR(ask("Drop all kept passages of '" + address->shown() + "'?"));
  const auto records = drop_from_server(*address, "");
  if (!records) return fail(Error(records.error()).with_context("asking '" + address->shown() + "'"));
  if (flags.json) return write_stdout(json_text({{"records", *records}}));
  return write_stdout("dropped " + grouped_digits(static_cast<int64_t>(*records)) + " records\n");
}

Status drop_folder(const DropFlags& flags) {
  const auto store = open_folder(flags, "drop");
  HW_RETURN_IF_ERROR(store);
  const auto info = (*store)->info();
  HW_RETURN_IF_ERROR(info);
  if (!flags.yes) HW_RETURN_IF_ERROR(ask("Drop '" + flags.keep + "' (" + size_text(*info) + ")?"));
  HW_RETURN_IF_ERROR((*store)->drop());
  if (flags.json) return write_stdout(json_text({{"passages", info->passages}, {"bytes", info->bytes}}));
  return write_stdout("dropped " + size_text(*info) + "\n");
}

}  // namespace

Action add_passages_drop(CLI::App& verb, AppContext&) {
  auto flags = std::make_shared<DropFlags>();
  add_store_choice(verb, *flags, "One JSON object instead of a line");
  verb.add_flag("--yes", flags->yes, "Do not ask")->group("Work");
  return [flags] { return is_server_address(flags->keep) ? drop_server(*flags) : drop_folder(*flags); };
}

}  // namespace headwise
