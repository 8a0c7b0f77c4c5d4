// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "bindings/text.h"

#include "bindings/failure.h"

namespace headwise::python {
namespace {

// "documents[3]" is only spelled out when it is needed: there may be thousands.
std::string text_at(nb::handle list, size_t index, const char* what) {
  nb::handle item = PyList_GetItem(list.ptr(), static_cast<Py_ssize_t>(index));  // borrowed
  Py_ssize_t size = 0;
  if (PyUnicode_Check(item.ptr())) {
    if (const char* data = PyUnicode_AsUTF8AndSize(item.ptr(), &size))
      return {data, static_cast<size_t>(size)};
    PyErr_Clear();
  }
  return text_of(item, "documents[" + std::to_string(index) + "]" + what);
}

void check_list(nb::handle list, size_t size, const char* what) {
  if (!PyList_Check(list.ptr()) || static_cast<size_t>(PyList_Size(list.ptr())) != size) {
    throw nb::value_error((std::string(what) + ": expected a list as long as the texts").c_str());
  }
}

}  // namespace

std::string text_of(nb::handle value, const std::string& what) {
  if (!PyUnicode_Check(value.ptr())) {
    throw Failure(Error(ErrorCode::kInvalidInput,
                        what + ": expected str, found " + nb::type_name(value.type()).c_str()));
  }
  Py_ssize_t size = 0;
  if (const char* data = PyUnicode_AsUTF8AndSize(value.ptr(), &size))
    return {data, static_cast<size_t>(size)};
  nb::python_error failure;
  std::string place;
  if (nb::hasattr(failure.value(), "start")) {
    place = " (character " + std::to_string(nb::cast<int64_t>(failure.value().attr("start"))) + ")";
  }
  throw Failure(Error(ErrorCode::kInvalidInput,
                      what + " holds a lone surrogate" + place +
                          ", which is no character; decode the text with errors='replace' where it is read"));
}

std::string path_or_text_of(nb::handle value, const std::string& what) {
  if (!PyBytes_Check(value.ptr())) return text_of(value, what);
  return {PyBytes_AsString(value.ptr()), static_cast<size_t>(PyBytes_Size(value.ptr()))};
}

std::vector<Passage> passages_of(nb::list texts, nb::object titles, nb::object scores) {
  const size_t count = nb::len(texts);
  if (!titles.is_none()) check_list(titles, count, "titles");
  if (!scores.is_none()) check_list(scores, count, "scores");
  std::vector<Passage> passages(count);
  for (size_t i = 0; i < count; ++i) {
    passages[i].text = text_at(texts, i, "");
    if (!titles.is_none()) passages[i].title = text_at(titles, i, ".title");
    if (scores.is_none()) continue;
    nb::handle score = PyList_GetItem(scores.ptr(), static_cast<Py_ssize_t>(i));
    if (score.is_none()) continue;
    const double value = PyFloat_AsDouble(score.ptr());
    if (value == -1.0 && PyErr_Occurred() != nullptr) throw nb::python_error();
    passages[i].first_stage_score = value;
  }
  return passages;
}

}  // namespace headwise::python
