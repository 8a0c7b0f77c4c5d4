// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the engine as Python holds it. The GIL is released while it works; callers on other
// threads wait for their turn; Ctrl-C is looked for while it works and while it waits.
#pragma once

#include <nanobind/nanobind.h>
#include <sys/types.h>

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "headwise/engine.h"

namespace headwise::python {

namespace nb = nanobind;

// What one call can be stopped with from another thread, at the next layer; for good.
class StopFlag {
 public:
  void set() { asked_ = true; }
  bool asked() const { return asked_; }

 private:
  std::atomic<bool> asked_{false};
};

class PyEngine {
 public:
  explicit PyEngine(const nb::dict& settings);
  // One with the same model and settings, but that long passages are cut.
  std::unique_ptr<PyEngine> cut() const;

  struct Ranked {
    Ranking ranking;
    double seconds = 0.0;  // inside the library
  };
  // `wishes`: instruction, score and min_score of this call, where they are not the engine's; `stop` may be
  // null.
  Ranked rank(nb::handle query, nb::list texts, nb::object titles, nb::object scores, const nb::dict& wishes,
              const StopFlag* stop);
  HeadScores head_scores(nb::handle query, nb::list texts, nb::object titles, nb::object scores);
  nb::dict keep_passages(nb::list texts, nb::object titles);
  nb::dict kept() const;
  nb::dict explain(nb::handle query, nb::list texts, nb::object titles, nb::object scores, bool per_head,
                   const nb::dict& wishes);

  const Engine& engine() const { return *engine_; }
  Engine& engine() { return *engine_; }
  // Work on the engine that is not one of the above; it asks the sink whether to stop.
  void work(const std::function<Status(ProgressSink* stop)>& job);

 private:
  // What every call needs: the engine to itself, no GIL, and an ear for Ctrl-C.
  template <typename Work>
  auto run(const Work& work, const StopFlag* stop = nullptr);
  std::vector<Passage> read_passages(nb::list texts, nb::object titles, nb::object scores) const;

  PyEngine(EngineSettings settings, const ModelSource& model);

  EngineSettings asked_;
  std::unique_ptr<Engine> engine_;
  std::timed_mutex busy_;
  std::atomic<std::thread::id> worker_;  // who has busy_
  pid_t process_;
};

// (number, count, begin, end), bytes of the text; None.
nb::object window_of(const std::optional<PassageWindow>& window);

// explanation.cc
nb::dict to_python(const Explanation& explanation);

// options.cc
void bind_options(nb::module_& module);
void bind_records(nb::module_& module);
void bind_engine(nb::module_& module);
void bind_explanations(nb::module_& module);
void bind_head_stores(nb::module_& module);
void bind_passage_builds(nb::module_& module);
void bind_runs(nb::module_& module);

}  // namespace headwise::python
