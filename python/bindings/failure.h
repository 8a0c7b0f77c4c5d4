// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: how an Error of the library becomes a Python exception. headwise._errors has the
// classes.
#pragma once

#include <nanobind/nanobind.h>

#include <exception>
#include <utility>

#include "headwise/error.h"

namespace headwise::python {

namespace nb = nanobind;

// Thrown by bindings alone, never by the library.
class Failure : public std::exception {
 public:
  explicit Failure(Error error) : error_(std::move(error)) {}
  const Error& error() const { return error_; }

 private:
  Error error_;
};

// Tells nanobind what to do with a Failure.
void translate_failures();

// The value of a result, or its error thrown. When Python has an exception waiting (Ctrl-C), that one.
template <typename T>
T unwrap(Result<T> result) {
  if (PyErr_Occurred() != nullptr) throw nb::python_error();
  if (!result) throw Failure(std::move(result.error()));
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

}  // namespace headwise::python
