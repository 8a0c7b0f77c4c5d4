// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Data sets and their runs for Python: the requests of a first-stage run, the journal, and lines of a run
// file.
#include <nanobind/stl/map.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

#include <memory>
#include <utility>

#include "base/file.h"
#include "bindings/failure.h"
#include "bindings/py_engine.h"
#include "bindings/text.h"
#include "headwise/run.h"
#include "jobs/dataset_work.h"
#include "jobs/journal.h"
#include "jobs/run_header.h"

namespace headwise::python {
namespace {

struct Work {
  DatasetChoice choice;
  DatasetWork work;
};

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

// (number, query id, query, ids, texts, titles, scores)
nb::tuple request_of(const Work& work, size_t place) {
  if (place >= work.work.requests.size()) throw nb::index_error();
  const DatasetRequest& request = work.work.requests[place];
  nb::list ids, texts, titles, scores;
  const auto text = [](const std::string& bytes) {
    PyObject* made = PyUnicode_DecodeUTF8(bytes.data(), static_cast<Py_ssize_t>(bytes.size()), "replace");
    if (made == nullptr) throw nb::python_error();
    return nb::steal(made);
  };
  for (const Passage& passage : request.passages) {
    ids.append(text(passage.id));
    texts.append(text(passage.text));
    titles.append(text(passage.title));
    scores.append(passage.first_stage_score.value_or(0.0));
  }
  return nb::make_tuple(request.number, text(request.id), text(request.query), ids, texts, titles, scores);
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

std::string header_of(const PyEngine& engine, const Work& work, const std::string& format) {
  return unwrap(run_header(engine.engine(), work.choice, work.work,
                           {.format = format, .version = HEADWISE_VERSION}))
      .dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::unique_ptr<Journal> open_journal(nb::handle path, const std::string& header, bool restart) {
  const Json parsed = Json::parse(header, nullptr, false);
  if (parsed.is_discarded()) throw nb::value_error("header: expected JSON");
  return std::make_unique<Journal>(unwrap(Journal::open(path_or_text_of(path, "path"), parsed, restart)));
}

}  // namespace

void bind_data_sets(nb::module_& module) {
  nb::class_<Work>(module, "Work", "The requests of a first-stage run, with their texts.")
      .def("__len__", [](const Work& self) { return self.work.requests.size(); })
      .def("__getitem__", &request_of, nb::arg("place"),
           nb::sig("def __getitem__(self, place: int) -> tuple[int, str, str, list[str], list[str], "
                   "list[str], list[float]]"))
      .def_prop_ro("notes", [](const Work& self) { return self.work.notes; })
      .def_prop_ro("fingerprint", [](const Work& self) { return self.work.fingerprint; });
  module.def("gather_work", &gather, nb::arg("dataset"), nb::arg("run"), nb::arg("split"), nb::arg("depth"),
             nb::arg("skip"), nb::arg("queries"), nb::arg("shard"));
  module.def("run_header", &header_of, nb::arg("engine"), nb::arg("work"), nb::arg("format"));
  module.def("format_run_query", &format_query, nb::arg("query_id"), nb::arg("results"), nb::arg("format"),
             nb::arg("run_name"));
  module.def(
      "write_file",
      [](nb::handle path, nb::bytes content) {
        unwrap(write_file_atomically(path_or_text_of(path, "path"), {content.c_str(), content.size()}));
      },
      nb::arg("path"), nb::arg("content"), "Whole or not at all.");

  nb::class_<Journal>(module, "Journal",
                      "What is finished of a long run (docs/formats.md#collections-runs-and-judgements).")
      .def("finished", &Journal::finished)
      .def(
          "append",
          [](Journal& self, int64_t number, const std::string& text) { unwrap(self.append(number, text)); },
          nb::arg("number"), nb::arg("text"))
      .def("remove", &Journal::remove);
  module.def("open_journal", &open_journal, nb::arg("path"), nb::arg("header"), nb::arg("restart"));
}

}  // namespace headwise::python
