// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// First-stage runs for Python: their requests, the job that re-ranks them, and lines of a run file.
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

#include <memory>
#include <utility>

#include "bindings/dataset_work.h"
#include "bindings/failure.h"
#include "bindings/py_engine.h"
#include "bindings/text.h"
#include "headwise/run.h"
#include "jobs/ranking_job.h"

namespace headwise::python {
namespace {

std::unique_ptr<Work> gather(nb::handle dataset, nb::handle run, const std::string& split, int depth,
                             int skip, int queries, const std::string& shard) {
  auto gathered = std::make_unique<Work>();
  gathered->choice = {.dataset = path_or_text_of(dataset, "dataset"),
                      .run = path_or_text_of(run, "run"),
                      .split = split,
                      .depth = depth,
                      .skip = skip,
                      .queries = queries,
                      .shard = shard,
                      .only_query = {}};
  if (depth < 0 || skip < 0 || queries < 0) {
    throw Failure(Error(ErrorCode::kUsage, "depth, skip and queries: expected 0 or more"));
  }
  Result<DatasetWork> work = [&] {
    nb::gil_scoped_release release;
    return gather_work(gathered->choice);
  }();
  gathered->work = unwrap(std::move(work));
  return gathered;
}

nb::object shown(const std::string& bytes) {
  PyObject* made = PyUnicode_DecodeUTF8(bytes.data(), static_cast<Py_ssize_t>(bytes.size()), "replace");
  if (made == nullptr) throw nb::python_error();
  return nb::steal(made);
}

// (number, query id, query, ids, texts, titles, scores)
nb::tuple request_of(const DatasetRequest& request) {
  nb::list ids, texts, titles, scores;
  for (const Passage& passage : request.passages) {
    ids.append(shown(passage.id));
    texts.append(shown(passage.text));
    titles.append(shown(passage.title));
    scores.append(passage.first_stage_score.value_or(0.0));
  }
  return nb::make_tuple(request.number, shown(request.id), shown(request.query), ids, texts, titles, scores);
}

// A ranking job and where its result goes.
struct RankingRun {
  DatasetJob job;
  std::string output;  // empty: nowhere
};

std::unique_ptr<RankingRun> open_run(const PyEngine& engine, Work& work, nb::object output, int top_k,
                                     bool restart) {
  const std::string path = output.is_none() ? "" : path_or_text_of(output, "output");
  auto job = open_ranking_job(engine.engine(), work.choice, work.take(),
                              {.path = path, .format = "trec", .restart = restart, .top_k = top_k});
  return std::make_unique<RankingRun>(RankingRun{unwrap(std::move(job)), path});
}

// The request at this place, or None when it is done.
nb::object request_at(const RankingRun& run, size_t place) {
  const auto& requests = run.job.work().requests;
  if (place >= requests.size()) throw nb::index_error();
  return run.job.is_done(requests[place]) ? nb::none() : nb::object(request_of(requests[place]));
}

std::string finish_run(RankingRun& run) {
  std::string whole = run.job.joined();
  unwrap(finish_ranking_job(run.job, run.output));
  return whole;
}

std::string format_query(const std::string& query_id,
                         const std::vector<std::pair<std::string, double>>& results,
                         const std::string& format, const std::string& run_name) {
  RunQuery query{.id = query_id, .entries = {}};
  for (const auto& [id, score] : results) {
    query.entries.push_back({.id = id, .score = score, .rank = static_cast<int>(query.entries.size()) + 1});
  }
  return unwrap(format_run_query(query, unwrap(run_format_named(format)), run_name));
}

}  // namespace

DatasetWork Work::take() {
  if (work.requests.empty()) throw Failure(Error(ErrorCode::kInternal, "another job has taken this work"));
  return std::exchange(work, {});
}

void bind_runs(nb::module_& module) {
  nb::class_<Work>(module, "Work", "The requests of a first-stage run, with their texts.")
      .def_prop_ro("notes", [](const Work& self) { return self.work.notes; });
  module.def("gather_work", &gather, nb::arg("dataset"), nb::arg("run"), nb::arg("split"), nb::arg("depth"),
             nb::arg("skip"), nb::arg("queries"), nb::arg("shard"));
  module.def("format_run_query", &format_query, nb::arg("query_id"), nb::arg("results"), nb::arg("format"),
             nb::arg("run_name"));

  nb::class_<RankingRun>(
      module, "RankingRun",
      "A first-stage run that is re-ranked (docs/formats.md#collections-runs-and-judgements).")
      .def("__len__", [](const RankingRun& self) { return self.job.total(); })
      .def_prop_ro("done", [](const RankingRun& self) { return self.job.done(); })
      .def("request", &request_at, nb::arg("place"),
           nb::sig("def request(self, place: int) -> tuple[int, str, str, list[str], list[str], list[str], "
                   "list[float]] | None"))
      .def(
          "add",
          [](RankingRun& self, int64_t number, const std::string& lines) {
            unwrap(self.job.add(number, lines));
          },
          nb::arg("number"), nb::arg("lines"))
      .def("finish", &finish_run, "Writes the result where there is an output; gives its text.");
  module.def("open_run", &open_run, nb::arg("engine"), nb::arg("work"), nb::arg("output").none(),
             nb::arg("top_k"), nb::arg("restart"));
}

}  // namespace headwise::python
