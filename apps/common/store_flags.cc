// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "common/store_flags.h"

#include "base/check.h"
#include "common/diagnostics.h"

namespace headwise {

void add_store_flags(CLI::App& verb, StoreFlags& flags) {
  constexpr const char* kWork = "Work";
  verb.add_option("--store", flags.stores, "Head-score store; several times for several stores")
      ->group(kWork);
  verb.add_option("--qrels", flags.qrels, "Its judgements; one file for all stores, or one for each, in step")
      ->group(kWork);
  verb.add_option("--calibration", flags.calibration, "Of the scores that are summed and measured")
      ->group(kWork)
      ->capture_default_str()
      ->check(CLI::IsMember({"none", "na", "ratio"}));
  verb.add_flag("--no-token-filter", flags.no_filter, "With na: without the filter of low tokens")
      ->group(kWork);
  verb.add_option("--threads", flags.threads, "0: the usable cores")
      ->group("Result")
      ->check(CLI::NonNegativeNumber);
}

Result<JudgedStores> load_stores(const StoreFlags& flags, const AppContext& context) {
  if (flags.stores.empty() || flags.qrels.empty()) {
    return fail(ErrorCode::kUsage,
                "--store FOLDER and --qrels FILE are needed, once or in step several times");
  }
  auto stores = load_judged_stores(flags.stores, flags.qrels);
  HW_RETURN_IF_ERROR(stores);
  if (stores->unjudged + stores->without_relevant > 0) {
    print_note(context.verb, context.quiet,
               "left out: " + std::to_string(stores->unjudged) + " queries without judgements, " +
                   std::to_string(stores->without_relevant) + " without a relevant candidate");
  }
  return stores;
}

void put_in_calibration(const StoreFlags& flags, SelectionOptions& options) {
  options.calibration = flags.calibration == "none" ? Calibration::kNone
                        : flags.calibration == "na" ? Calibration::kNa
                                                    : Calibration::kRatio;
  options.token_filter = flags.no_filter ? TokenFilter::kNone : TokenFilter::kLow;
}

}  // namespace headwise
