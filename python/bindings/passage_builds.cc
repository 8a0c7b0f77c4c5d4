// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Stores of kept passages for Python: the passages of collections, and the job that encodes them.
#include <nanobind/stl/string.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "bindings/failure.h"
#include "bindings/py_engine.h"
#include "bindings/text.h"
#include "jobs/passage_store_job.h"

namespace headwise::python {
namespace {

struct PassageList {
  std::vector<Passage> passages;
  std::string left_out = {};  // told in words; empty: nothing
};

std::unique_ptr<PassageList> gather(const nb::list& corpora, const std::string& shard) {
  CorpusChoice choice{.corpora = {}, .shard = shard};
  for (const nb::handle corpus : corpora) choice.corpora.emplace_back(path_or_text_of(corpus, "corpus"));
  LeftOut left_out;
  Result<std::vector<Passage>> passages = [&] {
    const nb::gil_scoped_release release;
    return gather_passages(choice, left_out);
  }();
  return std::make_unique<PassageList>(PassageList{unwrap(std::move(passages)), left_out.summary()});
}

std::unique_ptr<PassageList> list_of(const nb::list& ids, nb::list texts, nb::object titles) {
  auto passages = passages_of(std::move(texts), std::move(titles), nb::none());
  if (ids.size() != passages.size()) {
    throw Failure(Error(ErrorCode::kUsage, "ids: expected one for each passage"));
  }
  for (size_t i = 0; i < passages.size(); ++i) passages[i].id = text_of(ids[i], "id");
  return std::make_unique<PassageList>(PassageList{std::move(passages)});
}

nb::object shown(const std::string& bytes) {
  PyObject* made = PyUnicode_DecodeUTF8(bytes.data(), static_cast<Py_ssize_t>(bytes.size()), "replace");
  if (made == nullptr) throw nb::python_error();
  return nb::steal(made);
}

// (ids, texts, titles) of some of them, plain values that travel between machines.
nb::tuple part_of(const PassageList& list, size_t begin, size_t end) {
  nb::list ids, texts, titles;
  for (size_t i = begin; i < std::min(end, list.passages.size()); ++i) {
    ids.append(shown(list.passages[i].id));
    texts.append(shown(list.passages[i].text));
    titles.append(shown(list.passages[i].title));
  }
  return nb::make_tuple(ids, texts, titles);
}

struct PassageBuild {
  PassageStoreJob job;
  std::vector<std::pair<std::string, std::string>> failures;  // id and reason
};

std::unique_ptr<PassageBuild> open_build(PyEngine& engine, PassageList& list) {
  auto job = PassageStoreJob::open(engine.engine(), std::exchange(list.passages, {}));
  return std::make_unique<PassageBuild>(PassageBuild{unwrap(std::move(job)), {}});
}

void step(PassageBuild& build, PyEngine& engine) {
  const auto note = [&](const Passage& passage, const Error& error) {
    build.failures.emplace_back(passage.id, error.to_string());
  };
  engine.work([&](ProgressSink* stop) { return build.job.step(note, stop); });
}

nb::dict report_of(const PassageBuild& build) {
  const BuiltPassages& built = build.job.built();
  nb::dict dict;
  dict["passages"] = built.passages;
  dict["encoded"] = built.encoded;
  dict["kept_before"] = built.kept_before;
  dict["failed"] = built.failed;
  dict["truncated"] = built.truncated;
  dict["tokens"] = built.tokens_run;
  dict["bytes"] = built.bytes;
  nb::list failures;
  for (const auto& [id, reason] : build.failures) failures.append(nb::make_tuple(shown(id), shown(reason)));
  dict["failures"] = failures;
  return dict;
}

}  // namespace

void bind_passage_builds(nb::module_& module) {
  nb::class_<PassageList>(module, "PassageList", "Passages with their ids, ready to be encoded.")
      .def("__len__", [](const PassageList& self) { return self.passages.size(); })
      .def_prop_ro("left_out", [](const PassageList& self) { return self.left_out; })
      .def("part", &part_of, nb::arg("begin"), nb::arg("end"),
           nb::sig("def part(self, begin: int, end: int) -> tuple[list[str], list[str], list[str]]"));
  module.def("gather_passages", &gather, nb::arg("corpora"), nb::arg("shard"),
             nb::sig("def gather_passages(corpora: list[bytes], shard: str) -> PassageList"));
  module.def("passage_list", &list_of, nb::arg("ids"), nb::arg("texts"), nb::arg("titles").none(),
             nb::sig("def passage_list(ids: list[str], texts: list[str], titles: list[str] | None) -> "
                     "PassageList"));

  nb::class_<PassageBuild>(module, "PassageBuild", "Passages on their way into a store.")
      .def("__len__", [](const PassageBuild& self) { return self.job.total(); })
      .def_prop_ro("done", [](const PassageBuild& self) { return self.job.built().passages; })
      .def("step", &step, nb::arg("engine"))
      .def("report", &report_of, nb::sig("def report(self) -> dict[str, typing.Any]"));
  module.def("open_build", &open_build, nb::keep_alive<0, 1>(), nb::arg("engine"), nb::arg("passages"));
}

}  // namespace headwise::python
