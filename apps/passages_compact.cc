// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The verb `passages compact`: gives back the bytes of passages that were replaced or dropped.
#include <memory>

#include "base/check.h"
#include "base/digits.h"
#include "common/output.h"
#include "common/progress_bar.h"
#include "common/signals.h"
#include "passages_store.h"

namespace headwise {
namespace {

Status run_compact(const StoreChoice& choice, const AppContext& context) {
  const StopSignals signals;
  const auto store = open_folder(choice, "compact");
  HW_RETURN_IF_ERROR(store);
  ProgressBar bar(context.verb, context.quiet);
  const auto given_back = (*store)->compact(&bar);
  bar.finish();
  HW_RETURN_IF_ERROR(given_back);
  const auto info = (*store)->info();
  HW_RETURN_IF_ERROR(info);
  if (choice.json) {
    return write_stdout(
        json_text({{"given_back", *given_back}, {"passages", info->passages}, {"bytes", info->bytes}}));
  }
  return write_stdout(bytes_text(static_cast<int64_t>(*given_back)) + " given back; " + size_text(*info) +
                      " are left\n");
}

}  // namespace

Action add_passages_compact(CLI::App& verb, AppContext& context) {
  auto choice = std::make_shared<StoreChoice>();
  add_store_choice(verb, *choice, "One JSON object instead of a line");
  return [choice, &context] { return run_compact(*choice, context); };
}

}  // namespace headwise
