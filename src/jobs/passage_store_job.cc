// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "jobs/passage_store_job.h"

#include <algorithm>
#include <chrono>
#include <string_view>
#include <thread>
#include <utility>

#include "base/check.h"
#include "formats/corpus.h"
#include "jobs/shard.h"

namespace headwise {
namespace {

// Of one call: a few passes, so that few rows are run in passes that are not full; some seconds of work.
constexpr size_t kCallBytes = 32 << 10;
constexpr size_t kCallPassages = 256;
constexpr size_t kWordBytes = 8;  // of --max-words, roughly

// How often a store that has not got what it was given is looked at, and how long it is left alone first.
constexpr int kLooks = 3;
constexpr std::chrono::milliseconds kPause{300};

// Passages done of the whole job, from what a call tells of those it encodes.
class CallProgress : public ProgressSink {
 public:
  CallProgress(ProgressSink* to, int64_t before, int64_t total)
      : to_(to), before_(before), latest_(before), total_(total) {}
  int64_t latest() const { return latest_; }
  void advance(std::string_view what, int64_t done, int64_t) override {
    if (what != "passages") return;
    latest_ = std::max(latest_, before_ + done);
    if (to_ != nullptr) to_->advance(what, latest_, total_);
  }
  bool stop_requested() const override { return to_ != nullptr && to_->stop_requested(); }

 private:
  ProgressSink* to_;
  int64_t before_;
  int64_t latest_;
  int64_t total_;
};

bool is_fault_of_a_passage(const Error& error) {
  return error.code() == ErrorCode::kInvalidInput || error.code() == ErrorCode::kResourceLimit;
}

std::vector<Passage> passages_of(const Documents& documents) {
  std::vector<Passage> passages;
  passages.reserve(documents.size());
  for (const Document& document : documents.items()) {
    passages.push_back(
        {.id = document.id, .title = document.title, .text = document.text, .first_stage_score = {}});
  }
  return passages;
}

}  // namespace

Result<std::vector<Passage>> gather_passages(const CorpusChoice& choice, LeftOut& left_out) {
  const auto shard = parse_shard(choice.shard);
  if (!shard) return fail(shard.error());
  if (choice.corpora.empty()) return fail(ErrorCode::kUsage, "no --corpus was given");
  std::vector<Passage> all;
  for (const std::filesystem::path& given : choice.corpora) {
    const auto corpus = find_corpus(given);
    HW_RETURN_IF_ERROR(corpus);
    const auto documents = read_corpus(*corpus, left_out);
    if (!documents) {
      return fail(Error(documents.error()).with_context("reading --corpus '" + given.string() + "'"));
    }
    std::vector<Passage> passages = passages_of(*documents);
    std::move(passages.begin(), passages.end(), std::back_inserter(all));
  }
  const auto [begin, end] = shard->of(all.size());
  if (begin == end) {
    return fail(ErrorCode::kUsage, "--shard " + choice.shard + " of " + std::to_string(all.size()) +
                                       " passages holds none; use fewer shards");
  }
  all.erase(all.begin() + static_cast<std::ptrdiff_t>(end), all.end());
  all.erase(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(begin));
  return all;
}

Result<PassageStoreJob> PassageStoreJob::open(Engine& engine, std::vector<Passage> passages) {
  const KeepOptions& keep = engine.reranker.options().keep;
  if (keep.store.empty()) {
    return fail(ErrorCode::kUsage,
                "where the passages are kept is missing: --keep DIR or redis://host:port/db");
  }
  if (keep.second_sight) {
    return fail(
        ErrorCode::kUsage,
        "--keep-second-sight leaves out what is seen for the first time, which a build is about: leave "
        "it out");
  }
  return PassageStoreJob(engine, std::move(passages));
}

std::span<const Passage> PassageStoreJob::next() const {
  const auto all = std::span<const Passage>(passages_).subspan(static_cast<size_t>(built_.passages));
  const auto words = static_cast<size_t>(engine_->reranker.options().max_words);
  size_t count = 0, bytes = 0;
  while (count < std::min(all.size(), kCallPassages) && bytes < kCallBytes) {
    const size_t whole = all[count].title.size() + all[count].text.size();
    bytes += words > 0 ? std::min(whole, words * kWordBytes) : whole;
    ++count;
  }
  return all.first(count);
}

Status PassageStoreJob::keep(std::span<const Passage> passages, const OnFailure& on_failure,
                             ProgressSink* progress, BuiltPassages& report) {
  auto kept = engine_->reranker.keep_passages(passages, progress);
  if (kept) {
    for (const int place : kept->empty) {
      const Passage& passage = passages[static_cast<size_t>(place)];
      ++report.failed;
      if (!on_failure) continue;
      on_failure(passage, Error(ErrorCode::kInvalidInput,
                                "documents[0] (id '" + passage.id + "') is empty; there is nothing to keep"));
    }
    report.passages += static_cast<int64_t>(passages.size());
    report.encoded += kept->encoded;
    report.kept_before += kept->kept_before;
    report.truncated += kept->truncated_passages;
    report.tokens_run += kept->tokens_run;
    report.bytes += kept->bytes;
    return {};
  }
  if (!is_fault_of_a_passage(kept.error())) return fail(std::move(kept.error()));
  if (passages.size() > 1) {
    const size_t half = passages.size() / 2;
    HW_RETURN_IF_ERROR(keep(passages.first(half), on_failure, progress, report));
    return keep(passages.subspan(half), on_failure, progress, report);
  }
  ++report.passages;
  ++report.failed;
  if (on_failure) on_failure(passages.front(), kept.error());
  return {};
}

std::string PassageStoreJob::so_far(int64_t passages) const {
  return std::to_string(passages) + " of " + std::to_string(total()) +
         " passages are done, and the same command goes on from there";
}

// A store does not say whether it took what it was given, and one behind a server may be away for a while: it
// is asked, and what it has not got is encoded again.
Status PassageStoreJob::keep_for_good(std::span<const Passage> passages, const OnFailure& on_failure,
                                      ProgressSink* progress, BuiltPassages& report) {
  HW_RETURN_IF_ERROR(keep(passages, on_failure, progress, report));
  if (report.encoded == 0) return {};
  for (int look = 0; look < kLooks; ++look) {
    BuiltPassages again;
    HW_RETURN_IF_ERROR(keep(passages, {}, progress, again));
    if (again.encoded == 0) return {};
    report.tokens_run += again.tokens_run;
    std::this_thread::sleep_for(kPause * (1 << look));
  }
  std::string why = engine_->reranker.kept().store_error;
  if (why.empty() && engine_->reranker.options().keep.store_bytes > 0) {
    why = "--keep-store-bytes is too small for one call's passages";
  }
  // Its name is in the reason, without the password that an address may have.
  return fail(ErrorCode::kIo, "the store does not keep what it is given" +
                                  (why.empty() ? std::string() : " (" + why + ")") + "; " +
                                  so_far(built_.passages));
}

Status PassageStoreJob::step(const OnFailure& on_failure, ProgressSink* progress) {
  CallProgress call(progress, built_.passages, total());
  const auto interrupted = [&] {
    return fail(ErrorCode::kCancelled, "interrupted; " + so_far(call.latest()));
  };
  if (call.stop_requested()) return interrupted();
  BuiltPassages report;
  Status kept = keep_for_good(next(), on_failure, &call, report);
  if (!kept && kept.error().code() == ErrorCode::kCancelled) return interrupted();
  HW_RETURN_IF_ERROR(kept);
  built_.passages += report.passages;
  built_.encoded += report.encoded;
  built_.kept_before += report.kept_before;
  built_.failed += report.failed;
  built_.truncated += report.truncated;
  built_.tokens_run += report.tokens_run;
  built_.bytes += report.bytes;
  if (progress != nullptr) progress->advance("passages", built_.passages, total());
  return {};
}

Status PassageStoreJob::run(const OnFailure& on_failure, ProgressSink* progress) {
  while (!done()) HW_RETURN_IF_ERROR(step(on_failure, progress));
  return {};
}

}  // namespace headwise
