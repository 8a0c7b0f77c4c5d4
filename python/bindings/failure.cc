// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "bindings/failure.h"

#include <string>

namespace headwise::python {

namespace {

// Messages may quote file names and texts that are not UTF-8.
nb::object shown(const std::string& text) {
  return nb::steal(
      PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "backslashreplace"));
}

}  // namespace

void translate_failures() {
  nb::register_exception_translator(
      [](const std::exception_ptr& pointer, void*) {
        try {
          std::rethrow_exception(pointer);
        } catch (const Failure& failure) {
          const Error& error = failure.error();
          nb::list context;
          for (const std::string& doing : error.context()) context.append(shown(doing));
          nb::object made =
              nb::module_::import_("headwise._errors")
                  .attr("make")(exit_status(error.code()), shown(std::string(error_code_name(error.code()))),
                                shown(error.message()), context);
          PyErr_SetObject(made.type().ptr(), made.ptr());
        }
      },
      nullptr);
}

}  // namespace headwise::python
