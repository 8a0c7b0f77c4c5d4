// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "bindings/py_engine.h"

#include <nanobind/ndarray.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>
#include <unistd.h>

#include <chrono>
#include <utility>

#include "bindings/failure.h"
#include "bindings/text.h"
#include "engine/settings.h"

namespace headwise::python {
namespace {

using Clock = std::chrono::steady_clock;

// Looks for signals now and then, on the thread that made the call; Python runs handlers on its main thread
// alone, so on any other the call says nothing.
class StopOnSignals : public ProgressSink {
 public:
  void advance(std::string_view, int64_t, int64_t) override {}
  bool stop_requested() const override {
    constexpr std::chrono::milliseconds kInterval{20};
    const auto now = Clock::now();
    if (now - looked_ < kInterval) return false;
    looked_ = now;
    nb::gil_scoped_acquire gil;
    return PyErr_CheckSignals() != 0;
  }

 private:
  mutable Clock::time_point looked_ = Clock::now();
};

template <typename T>
T number_of(nb::handle value, const std::string& what) {
  T number{};
  if (PyBool_Check(value.ptr()) || !nb::try_cast<T>(value, number)) {
    throw Failure(Error(ErrorCode::kUsage, what + ": expected a number that fits, found " +
                                               std::string(nb::repr(value).c_str())));
  }
  return number;
}

bool put_in_word(EngineSettings& settings, const std::string& name, nb::handle value) {
  static constexpr std::pair<const char*, std::string EngineSettings::*> kWords[] = {
      {"model", &EngineSettings::model},
      {"adapter", &EngineSettings::adapter},
      {"weights", &EngineSettings::weights},
      {"heads", &EngineSettings::heads},
      {"router", &EngineSettings::router},
      {"encoding", &EngineSettings::encoding},
      {"calibration", &EngineSettings::calibration},
      {"token_filter", &EngineSettings::token_filter},
      {"rows", &EngineSettings::rows},
      {"order", &EngineSettings::order},
      {"fuse", &EngineSettings::fuse},
  };
  for (const auto& [word, member] : kWords) {
    if (name == word) settings.*member = path_or_text_of(value, name);
    if (name == word) return true;
  }
  return false;
}

bool put_in_option(RerankerOptions& options, const std::string& name, nb::handle value) {
  if (name == "template")
    options.prompt_template = path_or_text_of(value, name);
  else if (name == "chat_format")
    options.chat_format = text_of(value, name);
  else if (name == "seed")
    options.seed = number_of<uint64_t>(value, name);
  else if (name == "max_words")
    options.max_words = number_of<int>(value, name);
  else if (name == "max_tokens")
    options.max_tokens = number_of<int>(value, name);
  else if (name == "block_span")
    options.block_span = number_of<int>(value, name);
  else if (name == "max_prompt_tokens")
    options.max_prompt_tokens = number_of<int64_t>(value, name);
  else if (name == "threads")
    options.threads = number_of<int>(value, name);
  else if (name == "full_depth")
    options.full_depth = nb::cast<bool>(value);
  else if (name == "filter_after_sum")
    options.filter_after_sum = nb::cast<bool>(value);
  else
    return false;
  return true;
}

// Bounds that the command line's own parser checks before the library sees a number.
Status check_numbers(const RerankerOptions& options) {
  constexpr int kMostThreads = 1024;
  const std::pair<const char*, int64_t> numbers[] = {{"max_words", options.max_words},
                                                     {"max_tokens", options.max_tokens},
                                                     {"block_span", options.block_span},
                                                     {"max_prompt_tokens", options.max_prompt_tokens},
                                                     {"threads", options.threads}};
  for (const auto& [name, value] : numbers) {
    if (value < 0) {
      return fail(ErrorCode::kUsage,
                  std::string(name) + ": expected 0 or more, found " + std::to_string(value));
    }
  }
  if (options.threads > kMostThreads) {
    return fail(ErrorCode::kUsage,
                "threads: expected 0 (all usable cores) to 1024, found " + std::to_string(options.threads));
  }
  return {};
}

std::vector<std::pair<int, int>> pairs_of(const std::vector<HeadId>& heads) {
  std::vector<std::pair<int, int>> pairs;
  for (const HeadId& head : heads) pairs.emplace_back(head.layer, head.head);
  return pairs;
}

nb::dict to_python(const RankingStatistics& statistics) {
  nb::dict dict;
  dict["prompt_tokens"] = statistics.prompt_tokens;
  dict["passage_tokens"] = statistics.passage_tokens;
  dict["truncated_passages"] = statistics.truncated_passages;
  dict["layers_run"] = statistics.layers_run;
  dict["heads_read"] = statistics.heads_read;
  dict["tokenize_seconds"] = statistics.tokenize_seconds;
  dict["prefill_seconds"] = statistics.prefill_seconds;
  dict["read_seconds"] = statistics.read_seconds;
  return dict;
}

// float32 [3, heads, passages], numpy's own from here on.
nb::ndarray<nb::numpy, float, nb::ndim<3>> values_of(const HeadScores& scores) {
  auto* values = new std::vector<float>(scores.values);
  nb::capsule owner(values, [](void* memory) noexcept { delete static_cast<std::vector<float>*>(memory); });
  return {values->data(), {3, scores.heads.size(), static_cast<size_t>(scores.passages)}, owner};
}

}  // namespace

PyEngine::PyEngine(const nb::dict& given) : process_(::getpid()) {
  EngineSettings settings;
  for (const auto& [key, value] : given) {
    const std::string name = text_of(key, "the name of a setting");
    if (value.is_none()) continue;
    if (!put_in_word(settings, name, value) && !put_in_option(settings.options, name, value)) {
      throw Failure(Error(ErrorCode::kUsage, "there is no setting '" + name + "'"));
    }
  }
  unwrap(check_numbers(settings.options));
  Result<Engine> engine = [&] {
    nb::gil_scoped_release release;
    return load_engine(settings);
  }();
  engine_ = std::make_unique<Engine>(unwrap(std::move(engine)));
}

template <typename Work>
auto PyEngine::run(const Work& work) {
  if (process_ != ::getpid()) {
    throw Failure(
        Error(ErrorCode::kUsage,
              "this Reranker was made before a fork and its threads stayed behind; make one in each "
              "process, or start processes with 'spawn' (a Reranker can be pickled)"));
  }
  if (worker_ == std::this_thread::get_id()) {
    throw Failure(Error(ErrorCode::kUsage,
                        "called again from a signal handler while it works; make a second Reranker"));
  }
  StopOnSignals stop;
  auto result = [&] {
    nb::gil_scoped_release release;
    constexpr std::chrono::milliseconds kWait{50};
    using Answer = decltype(work(static_cast<ProgressSink*>(nullptr)));
    while (!busy_.try_lock_for(kWait)) {
      if (stop.stop_requested()) return Answer(fail(ErrorCode::kCancelled, "interrupted"));
    }
    const std::lock_guard<std::timed_mutex> lock(busy_, std::adopt_lock);
    worker_ = std::this_thread::get_id();
    auto answer = work(&stop);
    worker_ = std::thread::id();
    return answer;
  }();
  return unwrap(std::move(result));
}

std::vector<Passage> PyEngine::read_passages(nb::list texts, nb::object titles, nb::object scores) const {
  std::vector<Passage> passages = passages_of(std::move(texts), std::move(titles), std::move(scores));
  rank_by_place(engine_->settings, passages);
  return passages;
}

PyEngine::Ranked PyEngine::rank(nb::handle query, nb::list texts, nb::object titles, nb::object scores) {
  const std::string question = text_of(query, "query");
  const auto passages = read_passages(std::move(texts), std::move(titles), std::move(scores));
  double seconds = 0.0;
  Ranking ranking = run([&](ProgressSink* sink) {
    const auto begun = Clock::now();
    auto answer = engine_->rank(question, passages, sink);
    seconds = std::chrono::duration<double>(Clock::now() - begun).count();
    return answer;
  });
  return {std::move(ranking), seconds};
}

HeadScores PyEngine::head_scores(nb::handle query, nb::list texts, nb::object titles, nb::object scores) {
  const std::string question = text_of(query, "query");
  const auto passages = read_passages(std::move(texts), std::move(titles), std::move(scores));
  return run([&](ProgressSink* sink) { return engine_->reranker.head_scores(question, passages, sink); });
}

nb::dict PyEngine::explain(nb::handle query, nb::list texts, nb::object titles, nb::object scores,
                           bool per_head) {
  const std::string question = text_of(query, "query");
  const auto passages = read_passages(std::move(texts), std::move(titles), std::move(scores));
  const Explanation explanation = run(
      [&](ProgressSink* sink) { return engine_->explain(question, passages, {.per_head = per_head}, sink); });
  nb::dict dict = to_python(explanation);
  dict["statistics"] = to_python(explanation.statistics);
  return dict;
}

// For the stubs: types that C++ has no word for.
constexpr const char* kStatistics = "def statistics(self, /) -> dict[str, float]";

void bind_engine(nb::module_& module) {
  nb::class_<PyEngine::Ranked>(module, "Ranking", "What one request gave: places and scores, best first.")
      .def_prop_ro("indices",
                   [](const PyEngine::Ranked& self) {
                     std::vector<int> indices;
                     for (const ScoredPassage& hit : self.ranking.passages) indices.push_back(hit.index);
                     return indices;
                   })
      .def_prop_ro("scores",
                   [](const PyEngine::Ranked& self) {
                     std::vector<double> scores;
                     for (const ScoredPassage& hit : self.ranking.passages) scores.push_back(hit.score);
                     return scores;
                   })
      .def_prop_ro("heads", [](const PyEngine::Ranked& self) { return pairs_of(self.ranking.heads); })
      .def_prop_ro(
          "statistics", [](const PyEngine::Ranked& self) { return to_python(self.ranking.statistics); },
          nb::for_getter(nb::sig(kStatistics)))
      .def_ro("seconds", &PyEngine::Ranked::seconds);

  nb::class_<HeadScores>(module, "HeadScores", "What every head read paid to every passage.")
      .def_prop_ro("heads", [](const HeadScores& scores) { return pairs_of(scores.heads); })
      .def_prop_ro("prompt_order", [](const HeadScores& scores) { return scores.prompt_order; })
      .def_prop_ro(
          "statistics", [](const HeadScores& scores) { return to_python(scores.statistics); },
          nb::for_getter(nb::sig(kStatistics)))
      .def_prop_ro("values", &values_of, nb::rv_policy::automatic,
                   "float32 [3, heads, passages]: query, content-free, calibrated by na");

  nb::class_<PyEngine>(module, "Engine", "A loaded model and how its heads are read.")
      .def(nb::init<const nb::dict&>(), nb::arg("settings"),
           nb::sig("def __init__(self, settings: dict[str, typing.Any]) -> None"))
      .def("rank", &PyEngine::rank, nb::arg("query"), nb::arg("texts"), nb::arg("titles").none(),
           nb::arg("scores").none(),
           nb::sig("def rank(self, query: str, texts: list[str], titles: list[str] | None, scores: "
                   "list[float | None] | None) -> Ranking"))
      .def("head_scores", &PyEngine::head_scores, nb::arg("query"), nb::arg("texts"),
           nb::arg("titles").none(), nb::arg("scores").none(),
           nb::sig("def head_scores(self, query: str, texts: list[str], titles: list[str] | None, scores: "
                   "list[float | None] | None) -> HeadScores"))
      .def("explain", &PyEngine::explain, nb::arg("query"), nb::arg("texts"), nb::arg("titles").none(),
           nb::arg("scores").none(), nb::arg("per_head"),
           nb::sig("def explain(self, query: str, texts: list[str], titles: list[str] | None, scores: "
                   "list[float | None] | None, per_head: bool) -> dict[str, typing.Any]"))
      .def_prop_ro("fingerprint", [](const PyEngine& self) { return self.engine().model->fingerprint(); })
      .def_prop_ro("model_name", [](const PyEngine& self) { return self.engine().model->config().name; })
      .def_prop_ro("model_path",
                   [](const PyEngine& self) {
                     const std::string& path = self.engine().model->path().native();
                     return nb::bytes(path.data(), path.size());
                   })
      .def_prop_ro("layers", [](const PyEngine& self) { return self.engine().model->config().layers; })
      .def_prop_ro("heads_per_layer",
                   [](const PyEngine& self) { return self.engine().model->config().heads; })
      .def_prop_ro("context", [](const PyEngine& self) { return self.engine().model->config().context; })
      .def_prop_ro("shipped_heads", [](const PyEngine& self) { return self.engine().shipped_heads; })
      .def_prop_ro("heads", [](const PyEngine& self) { return pairs_of(self.engine().reranker.heads()); })
      .def_prop_ro("settings_json", [](const PyEngine& self) {
        return options_that_decide(self.engine().settings)
            .dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
      });
}

}  // namespace headwise::python
