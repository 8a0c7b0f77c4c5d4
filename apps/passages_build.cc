// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The verb `passages build`: whole collections encoded into a store of kept passages
// (jobs/passage_store_job.h).
#include <chrono>
#include <cmath>
#include <cstdio>
#include <memory>
#include <optional>
#include <utility>

#include "base/check.h"
#include "base/digits.h"
#include "base/shown_text.h"
#include "base/stopwatch.h"
#include "common/app.h"
#include "common/diagnostics.h"
#include "common/engine_flags.h"
#include "common/output.h"
#include "common/progress_bar.h"
#include "common/signals.h"
#include "common/terminal.h"
#include "formats/left_out_json.h"
#include "jobs/passage_store_job.h"
#include "passages/server_address.h"
#include "passages_store.h"

namespace headwise {
namespace {

constexpr size_t kNoted = 20;  // passages that cannot be kept, on stderr

struct BuildFlags : CorpusChoice {
  EngineSettings engine;
  bool json = false;
};

// What was kept before goes by in no time: the rate is that of the others.
class BuildBar : public ProgressSink {
 public:
  BuildBar(ProgressBar& bar, const PassageStoreJob& job) : bar_(bar), job_(job) {}
  void advance(std::string_view what, int64_t done, int64_t total) override {
    bar_.start_at(job_.built().kept_before);
    bar_.advance(what, done, total);
  }
  bool stop_requested() const override { return bar_.stop_requested(); }

 private:
  ProgressBar& bar_;
  const PassageStoreJob& job_;
};

// The engine calls the one passage of a call its first.
std::string reason_of(const Passage& passage, const Error& error) {
  const std::string of_call = "documents[0] (id '" + passage.id + "')";
  std::string text = error.to_string();
  if (text.starts_with(of_call)) return "passage '" + passage.id + "'" + text.substr(of_call.size());
  return "passage '" + passage.id + "': " + text;
}

// What did not become a kept passage: passages, and files of a folder.
struct NotKept {
  Json failures, left_out;
};

Json to_json(const BuiltPassages& built, const NotKept& not_kept, double seconds) {
  return {{"passages", built.passages},   {"encoded", built.encoded},     {"kept_before", built.kept_before},
          {"failed", built.failed},       {"truncated", built.truncated}, {"tokens", built.tokens_run},
          {"bytes", built.bytes},         {"seconds", seconds},           {"failures", not_kept.failures},
          {"left_out", not_kept.left_out}};
}

std::string to_table(const BuiltPassages& built, double seconds) {
  const auto rate = [&](int64_t count) -> std::string {
    if (count == 0 || seconds <= 0) return "";
    constexpr double kWhole = 100.0;  // and above without a fraction
    const double a_second = static_cast<double>(count) / seconds;
    return (a_second < kWhole ? fixed_digits(a_second, 1) : grouped_digits(std::llround(a_second))) + "/s";
  };
  std::vector<TableRow> rows{{"passages", grouped_digits(built.passages)},
                             {"encoded", grouped_digits(built.encoded), rate(built.encoded)},
                             {"kept before", grouped_digits(built.kept_before)},
                             {"failed", grouped_digits(built.failed)},
                             {"cut", grouped_digits(built.truncated)},
                             {"tokens", grouped_digits(built.tokens_run), rate(built.tokens_run)},
                             {"bytes", bytes_text(static_cast<int64_t>(built.bytes))},
                             {"seconds", fixed_digits(seconds, 1)}};
  for (TableRow& row : rows) row.resize(3);
  return aligned_table(rows, 1);
}

// What the folder has now, of whatever builds and requests; nothing of a server.
std::optional<StoreInfo> store_now(const std::string& keep) {
  if (is_server_address(keep)) return std::nullopt;
  const auto store = PassageStore::open(keep);
  if (!store) return std::nullopt;
  auto info = (*store)->info();
  return info ? std::optional<StoreInfo>(std::move(*info)) : std::nullopt;
}

Status print_result(const BuildFlags& flags, const AppContext& context, const BuiltPassages& built,
                    const NotKept& not_kept, double seconds) {
  const auto store = store_now(flags.engine.keep);
  if (store && store->passages < static_cast<uint64_t>(built.encoded)) {
    print_note(context.verb, context.quiet,
               "the store has less than was encoded: --keep-store-bytes drops what is oldest");
  }
  Json json = to_json(built, not_kept, seconds);
  if (store) json["store"] = {{"passages", store->passages}, {"bytes", store->bytes}};
  const std::string table =
      to_table(built, seconds) + (store ? "the store has " + size_text(*store) + "\n" : "");
  return write_stdout(flags.json ? json_text(json) : table);
}

Status run_build(const BuildFlags& flags, const AppContext& context) {
  if (flags.engine.keep.empty()) {
    return fail(ErrorCode::kUsage,
                "--keep DIR or redis://host:port/db, where the passages are kept, is missing");
  }
  const StopSignals signals;
  LeftOut left_out;
  auto passages = gather_passages(flags, left_out);
  if (!passages) return fail(std::move(passages.error()));
  if (left_out.files() > 0) print_note(context.verb, context.quiet, left_out.summary());
  auto engine = load_engine(flags.engine);
  if (!engine) return fail(std::move(engine.error()));
  auto job = PassageStoreJob::open(*engine, std::move(*passages));
  if (!job) return fail(std::move(job.error()));

  ProgressBar bar(context.verb, context.quiet);
  BuildBar progress(bar, *job);
  Json failures = Json::array();
  const auto begun = std::chrono::steady_clock::now();
  Status done = job->run(
      [&](const Passage& passage, const Error& error) {
        const std::string reason = reason_of(passage, error);
        bar.finish();
        if (failures.size() < kNoted) print_note(context.verb, context.quiet, without_controls(reason));
        if (failures.size() == kNoted) {
          print_note(context.verb, context.quiet, "more that cannot be kept; --json lists them all");
        }
        failures.push_back({{"id", passage.id}, {"reason", reason}});
      },
      &progress);
  bar.finish();
  const double seconds = seconds_since(begun);
  const BuiltPassages& built = job->built();
  if (!done) return done;
  HW_RETURN_IF_ERROR(print_result(flags, context, built, {failures, left_out_json(left_out)}, seconds));
  if (built.failed == 0) return {};
  return fail(ErrorCode::kInvalidInput, std::to_string(built.failed) + " of " +
                                            std::to_string(built.passages) +
                                            " passages could not be kept; all others are");
}

}  // namespace

Action add_passages_build(CLI::App& verb, AppContext& context) {
  auto flags = std::make_shared<BuildFlags>();
  constexpr const char* kWork = "Work";
  verb.add_option("--corpus", flags->corpora,
                  "What is encoded: a BEIR folder, a folder of texts, a JSONL, TSV or text file; once for "
                  "each")
      ->group(kWork)
      ->required();
  verb.add_option("--shard", flags->shard,
                  "i/n: the i-th of n parts of the passages; all n may write into one store at once")
      ->group(kWork);
  verb.add_flag("--json", flags->json, "One JSON object instead of a table")->group("Result");
  add_engine_flags(verb, flags->engine);
  flags->engine.usual_long_passages = LongPassages::kChunk;  // as those read the store who have questions
  return [flags, &context] { return run_build(*flags, context); };
}

}  // namespace headwise
