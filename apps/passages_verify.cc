// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The verb `passages verify`: every byte of every kept passage against its checksum.
#include <memory>
#include <utility>

#include "base/check.h"
#include "base/digits.h"
#include "common/diagnostics.h"
#include "common/output.h"
#include "common/progress_bar.h"
#include "common/signals.h"
#include "passages_store.h"

namespace headwise {
namespace {

struct VerifyFlags : StoreChoice {
  bool repair = false;
};

// A record is a passage, or what stands in front of all of them.
Json to_json(const StoreCheck& check) {
  Json json{{"records", check.passages}, {"damaged", Json::array()}};
  for (const StoreDamage& damage : check.damage) {
    json["damaged"].push_back(
        {{"segment", damage.segment}, {"offset", damage.offset}, {"what", damage.what}});
  }
  return json;
}

std::string to_lines(const StoreCheck& check) {
  std::string text;
  for (const StoreDamage& damage : check.damage) {
    text += damage.segment + " at byte " + std::to_string(damage.offset) + ": " + damage.what + "\n";
  }
  return text + grouped_digits(static_cast<int64_t>(check.passages)) + " records are right, " +
         grouped_digits(static_cast<int64_t>(check.damage.size())) + " are damaged\n";
}

Status run_verify(const VerifyFlags& flags, const AppContext& context) {
  const StopSignals signals;
  const auto store = open_folder(flags, "verify");
  HW_RETURN_IF_ERROR(store);
  ProgressBar bar(context.verb, context.quiet);
  const auto check = (*store)->verify(&bar);
  bar.finish();
  HW_RETURN_IF_ERROR(check);
  HW_RETURN_IF_ERROR(write_stdout(flags.json ? json_text(to_json(*check)) : to_lines(*check)));
  if (check->damage.empty()) return {};
  if (flags.repair) {
    HW_RETURN_IF_ERROR((*store)->rebuild());
    print_note(context.verb, context.quiet, "what is damaged is forgotten, and will be encoded again");
    return {};
  }
  return fail(ErrorCode::kInvalidInput,
              "'" + flags.keep +
                  "' is damaged; a request encodes again what it finds damaged, and --repair "
                  "forgets all of it now, so that `headwise passages build` does");
}

}  // namespace

Action add_passages_verify(CLI::App& verb, AppContext& context) {
  auto flags = std::make_shared<VerifyFlags>();
  add_store_choice(verb, *flags, "One JSON object instead of lines");
  verb.add_flag("--repair", flags->repair, "Forget what is damaged")->group("Work");
  return [flags, &context] { return run_verify(*flags, context); };
}

}  // namespace headwise
