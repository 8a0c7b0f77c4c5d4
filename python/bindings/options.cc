// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The table of options for Python: which keywords there are, and how their values are handed over.
#include "engine/options.h"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "bindings/py_engine.h"

namespace headwise::python {
namespace {

const char* kind_name(OptionKind kind) {
  switch (kind) {
    case OptionKind::kText:
      return "text";
    case OptionKind::kPath:
      return "path";
    case OptionKind::kWord:
      return "word";
    case OptionKind::kNumber:
      return "number";
    case OptionKind::kNumberOrWord:
      return "number or word";
    case OptionKind::kInteger:
      return "integer";
    case OptionKind::kSize:
      return "size";
    case OptionKind::kFlag:
      return "flag";
  }
  return "";
}

std::vector<std::string> words_of(const Option& option) {
  return option.value.words == nullptr ? std::vector<std::string>{} : option.value.words();
}

}  // namespace

void bind_options(nb::module_& module) {
  nb::class_<Option>(module, "Option", "A row of the table of options.")
      .def_prop_ro("name", [](const Option& self) { return std::string(self.name); })
      .def_prop_ro("keyword", [](const Option& self) { return keyword(self); })
      .def_prop_ro(
          "per_call", [](const Option& self) { return self.per_call; },
          "Each call says it, not the Reranker.")
      .def_prop_ro("kind", [](const Option& self) { return kind_name(self.value.kind); })
      .def_prop_ro("words", &words_of)
      .def_prop_ro("default", [](const Option& self) { return std::string(self.fallback); })
      .def_prop_ro("help", [](const Option& self) { return std::string(self.help); });
  module.def(
      "options",
      [] {
        nb::list rows;
        for (const Option& option : options()) rows.append(nb::cast(&option, nb::rv_policy::reference));
        return rows;
      },
      nb::sig("def options() -> list[Option]"));
}

}  // namespace headwise::python
