// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: whole collections encoded into a store of kept passages (docs/kept-passages.md), ahead
// of any question. There is no journal: the store itself says what is kept, passages are recognised by their
// tokens, so a second run costs no encoding, and any number of runs may build one store at once.
//
// Thread rule: one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "formats/left_out.h"
#include "headwise/engine.h"
#include "headwise/error.h"
#include "headwise/passage.h"
#include "headwise/progress.h"

namespace headwise {

struct CorpusChoice {
  std::vector<std::filesystem::path> corpora;  // each as find_corpus() takes it
  std::string shard;                           // "i/n": the i-th of n parts; empty: all
};

// The passages of the corpora one after the other, cut to the shard. What find_corpus and read_corpus say;
// what of folders is left out, in `left_out`.
Result<std::vector<Passage>> gather_passages(const CorpusChoice& choice, LeftOut& left_out);

struct BuiltPassages {
  int64_t passages = 0;  // looked at: encoded, kept before, or failed
  int64_t encoded = 0;
  int64_t kept_before = 0;  // and those that came twice
  int64_t failed = 0;
  int64_t truncated = 0;
  int64_t tokens_run = 0;
  uint64_t bytes = 0;  // of what was encoded
};

class PassageStoreJob {
 public:
  // kUsage when the engine has no store, or leaves out what it sees for the first time. `engine` must outlive
  // the job.
  static Result<PassageStoreJob> open(Engine& engine, std::vector<Passage> passages);

  // A passage that cannot be kept (empty, too long) and why.
  using OnFailure = std::function<void(const Passage& passage, const Error& error)>;
  // Keeps the next passages, some thousands of tokens; those that fail are told and passed over. kIo when the
  // store has not got what it was given, whatever is tried; kCancelled when the sink asks to stop.
  Status step(const OnFailure& on_failure, ProgressSink* progress);
  // Until all are done.
  Status run(const OnFailure& on_failure, ProgressSink* progress);

  bool done() const { return built_.passages == total(); }
  int64_t total() const { return static_cast<int64_t>(passages_.size()); }
  const BuiltPassages& built() const { return built_; }

 private:
  PassageStoreJob(Engine& engine, std::vector<Passage> passages)
      : engine_(&engine), passages_(std::move(passages)) {}
  // The next passages that go into one call.
  std::span<const Passage> next() const;
  // Adds them to `report`; halves are tried until what fails stands alone.
  Status keep(std::span<const Passage> passages, const OnFailure& on_failure, ProgressSink* progress,
              BuiltPassages& report);
  // The same, and sees to it that the store has them.
  Status keep_for_good(std::span<const Passage> passages, const OnFailure& on_failure, ProgressSink* progress,
                       BuiltPassages& report);
  std::string so_far(int64_t passages) const;

  Engine* engine_;
  std::vector<Passage> passages_;
  BuiltPassages built_;
};

}  // namespace headwise
