// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// headwise._core: what the Python files of the package are built on. Not for users: names may change.
#include "bindings/failure.h"
#include "bindings/py_engine.h"

NB_MODULE(_core, module) {
  module.doc() = "The C++ engine. Use the package headwise, not this module.";
  module.attr("VERSION") = HEADWISE_VERSION;
  headwise::python::translate_failures();
  headwise::python::bind_options(module);
  headwise::python::bind_records(module);
  headwise::python::bind_engine(module);
  headwise::python::bind_explanations(module);
  headwise::python::bind_runs(module);
  headwise::python::bind_head_stores(module);
  headwise::python::bind_passage_builds(module);
}
