// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Head-score stores for Python: the job that makes one, and the selection of heads in them.
#include <nanobind/stl/string.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

#include <filesystem>
#include <memory>
#include <utility>

#include "bindings/dataset_work.h"
#include "bindings/failure.h"
#include "bindings/py_engine.h"
#include "bindings/text.h"
#include "heads/balance_words.h"
#include "heads/selection.h"
#include "jobs/score_store_job.h"
#include "rerank/option_words.h"

namespace headwise::python {
namespace {

std::unique_ptr<ScoreStoreJob> open_store(PyEngine& engine, Work& work, nb::handle output, bool restart) {
  const ScoreStoreTarget target{.folder = path_or_text_of(output, "output"), .restart = restart};
  return std::make_unique<ScoreStoreJob>(
      unwrap(ScoreStoreJob::open(engine.engine(), work.choice, work.take(), target)));
}

// The places of the queries that are still to be read.
std::vector<size_t> remaining(const ScoreStoreJob& store) {
  std::vector<size_t> places;
  const auto& requests = store.job().work().requests;
  for (size_t place = 0; place < requests.size(); ++place) {
    if (!store.job().is_done(requests[place])) places.push_back(place);
  }
  return places;
}

void read_query(ScoreStoreJob& store, PyEngine& engine, size_t place) {
  const auto& requests = store.job().work().requests;
  if (place >= requests.size()) throw nb::index_error();
  engine.work([&](ProgressSink* stop) { return store.read(requests[place], stop); });
}

std::vector<std::filesystem::path> paths_of(const nb::list& given, const std::string& what) {
  std::vector<std::filesystem::path> paths;
  for (const nb::handle path : given) paths.emplace_back(path_or_text_of(path, what));
  return paths;
}

template <typename T, size_t n>
T meant(const std::array<Word<T>, n>& words, const std::string& what, const std::string& given) {
  const auto value = meaning_of(words, given);
  if (value) return *value;
  std::string expected;
  for (const Word<T>& row : words) expected += (expected.empty() ? "" : ", ") + std::string(row.word);
  throw Failure(Error(ErrorCode::kUsage, what + ": expected " + expected + ", found '" + given + "'"));
}

std::string select(const nb::list& stores, const nb::list& qrels, const std::string& method_name,
                   const nb::dict& given, int threads_wanted) {
  const SelectionMethod* method = find_selection_method(method_name);
  if (method == nullptr) {
    std::string known;
    for (const std::string& name : selection_method_names()) known += (known.empty() ? "" : ", ") + name;
    throw Failure(Error(ErrorCode::kUsage, "method: expected " + known + ", found '" + method_name + "'"));
  }
  SelectionOptions options;
  Balance balance = Balance::kQueries;
  for (const auto& [key, value] : given) {
    const std::string name = text_of(key, "the name of a setting");
    const auto put = [&](const char* known, auto& member) {
      if (name == known && !nb::try_cast(value, member)) {
        throw Failure(Error(ErrorCode::kUsage,
                            name + ": expected a number, found " + std::string(nb::repr(value).c_str())));
      }
      return name == known;
    };
    if (put("count", options.count) || put("max_layer", options.max_layer) || put("window", options.window) ||
        put("by_ndcg", options.qr_by_ndcg) || put("temperature", options.temperature) ||
        put("negatives", options.negatives) || put("entropy_weight", options.entropy_weight) ||
        put("margin_scale", options.margin_scale) || put("pool", options.pool) ||
        put("ridge", options.ridge) || put("seed", options.seed)) {
      continue;
    }
    if (name == "calibration") {
      options.calibration = meant(kCalibrationWords, name, text_of(value, name));
    } else if (name == "token_filter") {
      options.token_filter = meant(kTokenFilterWords, name, text_of(value, name));
    } else if (name == "balance") {
      balance = meant(kBalanceWords, name, text_of(value, name));
    } else {
      throw Failure(Error(ErrorCode::kUsage, "there is no setting '" + name + "'"));
    }
  }
  const auto folders = paths_of(stores, "stores");
  const auto files = paths_of(qrels, "qrels");
  Result<HeadSet> set = [&]() -> Result<HeadSet> {
    const nb::gil_scoped_release release;
    const auto judged = load_judged_stores(folders, files, balance);
    if (!judged) return fail(judged.error());
    ThreadPool threads(threads_wanted);
    const auto found = select_heads(*judged, *method, options, threads);
    if (!found) return fail(found.error());
    return head_set_of(*judged, *found, *method, options);
  }();
  return format_head_set(unwrap(std::move(set)), HeadSetFormat::kHeadwise);
}

}  // namespace

void bind_head_stores(nb::module_& module) {
  nb::class_<ScoreStoreJob>(module, "ScoreStoreJob", "A head-score store on its way (docs/formats.md).")
      .def_prop_ro("done", [](const ScoreStoreJob& self) { return self.job().done(); })
      .def("__len__", [](const ScoreStoreJob& self) { return self.job().total(); })
      .def("remaining", &remaining)
      .def("read", &read_query, nb::arg("engine"), nb::arg("place"))
      .def("finish", [](ScoreStoreJob& self) { unwrap(self.finish()); });
  module.def("open_store", &open_store, nb::keep_alive<0, 1>(), nb::arg("engine"), nb::arg("work"),
             nb::arg("output"), nb::arg("restart"));
  module.def(
      "select_heads", &select, nb::arg("stores"), nb::arg("qrels"), nb::arg("method"), nb::arg("options"),
      nb::arg("threads"),
      nb::sig("def select_heads(stores: list[bytes], qrels: list[bytes], method: str, options: dict[str, "
              "typing.Any], threads: int) -> str"));
}

}  // namespace headwise::python
