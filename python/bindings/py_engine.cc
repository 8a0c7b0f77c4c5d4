// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "bindings/py_engine.h"

#include <nanobind/ndarray.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>
#include <unistd.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/stopwatch.h"
#include "bindings/failure.h"
#include "bindings/text.h"
#include "engine/options.h"

namespace headwise::python {
namespace {

using Clock = std::chrono::steady_clock;

// Looks at the call's flag, and for signals now and then, on the thread that made the call; Python runs
// handlers on its main thread alone, so on any other those say nothing.
class StopOnRequest : public ProgressSink {
 public:
  explicit StopOnRequest(const StopFlag* flag) : flag_(flag) {}
  void advance(std::string_view, int64_t, int64_t) override {}
  bool stop_requested() const override {
    if (flag_ != nullptr && flag_->asked()) return true;
    constexpr std::chrono::milliseconds kInterval{20};
    const auto now = Clock::now();
    if (now - looked_ < kInterval) return false;
    looked_ = now;
    nb::gil_scoped_acquire gil;
    return PyErr_CheckSignals() != 0;
  }

 private:
  const StopFlag* flag_;
  mutable Clock::time_point looked_ = Clock::now();
};

// A keyword's value as set_option() takes it.
std::string option_value(const Option& option, nb::handle value) {
  const std::string name = keyword(option);
  switch (option.value.kind) {
    case OptionKind::kFlag:
      return nb::cast<bool>(value) ? "true" : "false";
    case OptionKind::kSize:
      if (PyUnicode_Check(value.ptr())) break;
      [[fallthrough]];
    case OptionKind::kInteger: {
      const nb::object number = nb::steal(PyBool_Check(value.ptr()) ? nullptr : PyNumber_Index(value.ptr()));
      if (number.is_valid()) return nb::str(number).c_str();
      PyErr_Clear();
      throw Failure(Error(ErrorCode::kUsage,
                          name + ": expected a number; found " + std::string(nb::repr(value).c_str())));
    }
    case OptionKind::kNumber: {
      const bool numeric = PyNumber_Check(value.ptr()) == 1 && !PyBool_Check(value.ptr());
      const nb::object number = nb::steal(numeric ? PyNumber_Float(value.ptr()) : nullptr);
      if (number.is_valid()) return nb::repr(number).c_str();
      PyErr_Clear();
      throw Failure(Error(ErrorCode::kUsage,
                          name + ": expected a number; found " + std::string(nb::repr(value).c_str())));
    }
    case OptionKind::kText:
    case OptionKind::kPath:
    case OptionKind::kWord:
    case OptionKind::kNumberOrWord:
      break;
  }
  return path_or_text_of(value, name);
}

// The row of a keyword of Reranker; null for what is none.
const Option* option_of(const std::string& name) {
  for (const Option& option : options()) {
    if (!option.per_call && keyword(option) == name) return &option;
  }
  return nullptr;
}

EngineSettings settings_of(const nb::dict& given) {
  EngineSettings settings;
  for (const auto& [key, value] : given) {
    const std::string name = text_of(key, "the name of a setting");
    if (value.is_none()) continue;
    const Option* option = option_of(name);
    if (option == nullptr) throw Failure(Error(ErrorCode::kUsage, "there is no setting '" + name + "'"));
    unwrap(set_option(settings, option->name, option_value(*option, value)));
  }
  return settings;
}

std::vector<std::pair<int, int>> pairs_of(const std::vector<HeadId>& heads) {
  std::vector<std::pair<int, int>> pairs;
  for (const HeadId& head : heads) pairs.emplace_back(head.layer, head.head);
  return pairs;
}

nb::dict to_python(const RankingStatistics& statistics) {
  nb::dict dict;
  dict["prompt_tokens"] = statistics.prompt_tokens;
  dict["tokens_run"] = statistics.tokens_run;
  dict["passage_tokens"] = statistics.passage_tokens;
  dict["passages_kept"] = statistics.passages_kept;
  dict["truncated_passages"] = statistics.truncated_passages;
  dict["empty_passages"] = statistics.empty_passages;
  dict["windows"] = statistics.windows;
  dict["layers_run"] = statistics.layers_run;
  dict["heads_read"] = statistics.heads_read;
  dict["tokenize_seconds"] = statistics.tokenize_seconds;
  dict["prefill_seconds"] = statistics.prefill_seconds;
  dict["read_seconds"] = statistics.read_seconds;
  return dict;
}

}  // namespace

nb::object window_of(const std::optional<PassageWindow>& window) {
  if (!window) return nb::none();
  return nb::make_tuple(window->number, window->count, window->begin, window->end);
}

namespace {

nb::list readings_of(const std::vector<ScoredPassage>& hits) {
  nb::list readings;
  for (const ScoredPassage& hit : hits) {
    readings.append(nb::make_tuple(hit.truncated, hit.empty, window_of(hit.window)));
  }
  return readings;
}

// float32 [3, heads, passages], numpy's own from here on.
nb::ndarray<nb::numpy, float, nb::ndim<3>> values_of(const HeadScores& scores) {
  auto* values = new std::vector<float>(scores.values);
  nb::capsule owner(values, [](void* memory) noexcept { delete static_cast<std::vector<float>*>(memory); });
  return {values->data(), {3, scores.heads.size(), static_cast<size_t>(scores.passages)}, owner};
}

}  // namespace

PyEngine::PyEngine(EngineSettings settings, const ModelSource& model)
    : asked_(std::move(settings)), process_(::getpid()) {
  Result<Engine> engine = [&] {
    nb::gil_scoped_release release;
    return make_engine(asked_, model);
  }();
  engine_ = std::make_unique<Engine>(unwrap(std::move(engine)));
}

std::unique_ptr<PyEngine> PyEngine::cut() const {
  EngineSettings settings = asked_;
  settings.long_passages = LongPassages::kCut;
  return std::unique_ptr<PyEngine>(new PyEngine(std::move(settings), [this] { return engine_->model; }));
}

PyEngine::PyEngine(const nb::dict& given) : process_(::getpid()) {
  EngineSettings settings = settings_of(given);
  settings.usual_keep_memory = kUsualKeepMemory;
  settings.usual_long_passages = LongPassages::kChunk;
  Result<Engine> engine = [&] {
    nb::gil_scoped_release release;
    return load_engine(settings);
  }();
  asked_ = std::move(settings);
  engine_ = std::make_unique<Engine>(unwrap(std::move(engine)));
}

template <typename Work>
auto PyEngine::run(const Work& work, const StopFlag* flag) {
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
  StopOnRequest stop(flag);
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

void PyEngine::work(const std::function<Status(ProgressSink* stop)>& job) { run(job); }

std::vector<Passage> PyEngine::read_passages(nb::list texts, nb::object titles, nb::object scores) const {
  std::vector<Passage> passages = passages_of(std::move(texts), std::move(titles), std::move(scores));
  rank_by_place(engine_->settings, passages);
  return passages;
}

PyEngine::Ranked PyEngine::rank(nb::handle query, nb::list texts, nb::object titles, nb::object scores,
                                const nb::dict& wishes, const StopFlag* stop) {
  const EngineSettings asked = settings_of(wishes);
  const std::string question = text_of(query, "query");
  const auto passages = read_passages(std::move(texts), std::move(titles), std::move(scores));
  double seconds = 0.0;
  const auto timed = [&](ProgressSink* sink) {
    const auto begun = Clock::now();
    auto answer = engine_->rank({.query = question,
                                 .passages = passages,
                                 .instruction = asked.instruction,
                                 .score = asked.score,
                                 .min_score = asked.min_score},
                                sink);
    seconds = seconds_since(begun);
    return answer;
  };
  Ranking ranking = run(timed, stop);
  return {std::move(ranking), seconds};
}

HeadScores PyEngine::head_scores(nb::handle query, nb::list texts, nb::object titles, nb::object scores) {
  const std::string question = text_of(query, "query");
  const auto passages = read_passages(std::move(texts), std::move(titles), std::move(scores));
  return run([&](ProgressSink* sink) { return engine_->reranker.head_scores(question, passages, sink); });
}

nb::dict PyEngine::keep_passages(nb::list texts, nb::object titles) {
  const std::vector<Passage> passages = passages_of(std::move(texts), std::move(titles), nb::none());
  const KeepReport report =
      run([&](ProgressSink* sink) { return engine_->reranker.keep_passages(passages, sink); });
  nb::dict dict;
  dict["encoded"] = report.encoded;
  dict["kept_before"] = report.kept_before;
  dict["tokens_run"] = report.tokens_run;
  dict["truncated_passages"] = report.truncated_passages;
  dict["bytes"] = report.bytes;
  return dict;
}

nb::dict PyEngine::kept() const {
  const KeepStatistics kept = engine_->reranker.kept();
  nb::dict dict;
  dict["hits"] = kept.hits;
  dict["store_hits"] = kept.store_hits;
  dict["misses"] = kept.misses;
  dict["evictions"] = kept.evictions;
  dict["passages"] = kept.passages;
  dict["bytes"] = kept.bytes;
  dict["store_errors"] = kept.store_errors;
  return dict;
}

nb::dict PyEngine::explain(nb::handle query, nb::list texts, nb::object titles, nb::object scores,
                           bool per_head, const nb::dict& wishes) {
  ExplainOptions options{.per_head = per_head};
  options.instruction = settings_of(wishes).instruction;
  const std::string question = text_of(query, "query");
  const auto passages = read_passages(std::move(texts), std::move(titles), std::move(scores));
  const Explanation explanation =
      run([&](ProgressSink* sink) { return engine_->explain(question, passages, options, sink); });
  nb::dict dict = to_python(explanation);
  dict["statistics"] = to_python(explanation.statistics);
  nb::dict words;  // for the page
  words["heads"] = engine_->describe_heads(explanation.heads);
  const DecoderDescription decoder = engine_->reranker.decoder();
  words["backend"] = decoder.backend;
  words["precision"] = decoder.precision;
  words["calibration"] = option_text(engine_->settings, "calibration");
  words["encoding"] = option_text(engine_->settings, "encoding");
  words["fuse"] = option_text(engine_->settings, "fuse");
  words["per_head"] = per_head;
  dict["words"] = std::move(words);
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
      .def_prop_ro(
          "readings", [](const PyEngine::Ranked& self) { return readings_of(self.ranking.passages); },
          nb::for_getter(nb::sig("def readings(self, /) -> list[tuple[bool, bool, tuple[int, int, int, int] "
                                 "| None]]")),
          "truncated, empty, window: number, count, bytes of the text from and to")
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

  nb::class_<StopFlag>(module, "StopFlag", "Stops the call that it was given to, at the next layer.")
      .def(nb::init<>())
      .def("set", &StopFlag::set);

  nb::class_<PyEngine>(module, "Engine", "A loaded model and how its heads are read.")
      .def(nb::init<const nb::dict&>(), nb::arg("settings"),
           nb::sig("def __init__(self, settings: dict[str, typing.Any]) -> None"))
      .def("cut", &PyEngine::cut, "The same, but that long passages are cut.")
      .def("rank", &PyEngine::rank, nb::arg("query"), nb::arg("texts"), nb::arg("titles").none(),
           nb::arg("scores").none(), nb::arg("wishes"), nb::arg("stop").none() = nb::none(),
           nb::sig("def rank(self, query: str, texts: list[str], titles: list[str] | None, scores: "
                   "list[float | None] | None, wishes: dict[str, typing.Any], stop: StopFlag | None = None) "
                   "-> Ranking"))
      .def("head_scores", &PyEngine::head_scores, nb::arg("query"), nb::arg("texts"),
           nb::arg("titles").none(), nb::arg("scores").none(),
           nb::sig("def head_scores(self, query: str, texts: list[str], titles: list[str] | None, scores: "
                   "list[float | None] | None) -> HeadScores"))
      .def("explain", &PyEngine::explain, nb::arg("query"), nb::arg("texts"), nb::arg("titles").none(),
           nb::arg("scores").none(), nb::arg("per_head"), nb::arg("wishes"),
           nb::sig("def explain(self, query: str, texts: list[str], titles: list[str] | None, scores: "
                   "list[float | None] | None, per_head: bool, wishes: dict[str, typing.Any]) -> "
                   "dict[str, typing.Any]"))
      .def("keep_passages", &PyEngine::keep_passages, nb::arg("texts"), nb::arg("titles").none(),
           nb::sig("def keep_passages(self, texts: list[str], titles: list[str] | None) -> dict[str, int]"))
      .def_prop_ro("kept", &PyEngine::kept, nb::for_getter(nb::sig("def kept(self, /) -> dict[str, int]")))
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
        return options_that_decide(self.engine().settings, self.engine().reranker.options().heads.weights)
            .dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
      });
}

}  // namespace headwise::python
