// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "common/store_flags.h"

#include "base/check.h"
#include "common/diagnostics.h"
#include "common/value_checks.h"
#include "heads/balance_words.h"

namespace headwise {
ReadOut StoreFlags::read_out() const { return read_out_of(calibration, token_filter()); }

Balance StoreFlags::balanced() const {
  return meaning_of(kBalanceWords, balance).value_or(Balance::kQueries);
}

void add_store_flags(CLI::App& verb, StoreFlags& flags, bool read_out) {
  constexpr const char* kWork = "Work";
  verb.add_option("--store", flags.stores, "Head-score store; several times for several data sets")
      ->group(kWork);
  verb.add_option("--qrels", flags.qrels, "Its judgements; one file for all stores, or one for each, in step")
      ->group(kWork);
  verb.add_option("--threads", flags.threads, "0: the usable cores")->group(kWork)->check(at_least(0));
  verb.add_option("--balance", flags.balance,
                  "What weighs the same in means over several stores: every query, or every store")
      ->group(kWork)
      ->capture_default_str()
      ->check(one_of(words_of(kBalanceWords)));
  if (!read_out) return;
  verb.add_option("--calibration", flags.calibration, "Of the scores that are summed and measured")
      ->group(kWork)
      ->capture_default_str()
      ->check(one_of(words_of(kCalibrationWords)));
  verb.add_flag("--no-token-filter", flags.no_filter, "With na: without the filter of low tokens")
      ->group(kWork);
}

Result<JudgedStores> load_stores(const StoreFlags& flags, const AppContext& context) {
  if (flags.stores.empty() || flags.qrels.empty()) {
    return fail(ErrorCode::kUsage,
                "--store FOLDER and --qrels FILE are needed, once or in step several times");
  }
  auto stores = load_judged_stores(flags.stores, flags.qrels, flags.balanced());
  HW_RETURN_IF_ERROR(stores);
  if (stores->unjudged + stores->without_relevant > 0) {
    print_note(context.verb, context.quiet,
               "left out: " + std::to_string(stores->unjudged) + " queries without judgements, " +
                   std::to_string(stores->without_relevant) + " without a relevant candidate");
  }
  return stores;
}

void put_in_calibration(const StoreFlags& flags, SelectionOptions& options) {
  options.calibration = flags.read_out().calibration;
  options.token_filter = flags.read_out().token_filter;
}

}  // namespace headwise
