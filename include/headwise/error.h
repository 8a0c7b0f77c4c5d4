// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the one error vocabulary of the library. Every function that can fail because of a file,
// a flag, a request or the machine returns Result<T>; nothing in the library throws, prints or exits on
// input.
//
//   headwise::Result<headwise::Run> run = headwise::read_run("bm25.trec");
//   if (!run) {
//     std::cerr << run.error().to_string() << "\n";
//     return headwise::exit_status(run.error().code());
//   }
//
// Thread rule: values, freely copied between threads.
#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

namespace headwise {

enum class ErrorCode {
  kUsage,          // the caller asked for something that makes no sense (a flag, an option, a combination)
  kInvalidInput,   // a file or a request is malformed, truncated, or contradicts itself
  kNotFound,       // a file, a model, a tensor or a name that was asked for is not there
  kUnsupported,    // well-formed, but a model type or feature that this build does not have
  kResourceLimit,  // memory, disk, context length or another bound would be exceeded
  kIo,             // the operating system refused to read or write
  kCancelled,      // the caller asked us to stop
  kDeviceLost,     // a card does not answer any more, and will not in this process
  kInternal,       // a bug of ours
};

// "bad usage", "invalid input", ...: for logs and JSON.
std::string_view error_code_name(ErrorCode code);
// Exit status of the command line: 2 usage, 3 bad file or data, 4 unsupported, 5 resource limit, 1 anything
// else.
int exit_status(ErrorCode code);

// Code, message (what was expected, what was found, what to do next) and the chain of what was being done,
// innermost first.
class Error {
 public:
  Error(ErrorCode code, std::string message) : code_(code), message_(std::move(message)) {}

  ErrorCode code() const { return code_; }
  const std::string& message() const { return message_; }
  const std::vector<std::string>& context() const { return context_; }

  // Adds "while ..." around this error; returns itself so that it can be passed on in one expression.
  Error&& with_context(std::string doing) && {
    context_.push_back(std::move(doing));
    return std::move(*this);
  }

  // "message (while reading tensor x; while loading model.gguf)".
  std::string to_string() const;

 private:
  ErrorCode code_;
  std::string message_;
  std::vector<std::string> context_;
};

template <typename T>
using Result = tl::expected<T, Error>;
using Status = Result<void>;

// `return fail(ErrorCode::kUsage, "...");` from any function that returns Result<T>.
inline tl::unexpected<Error> fail(ErrorCode code, std::string message) {
  return tl::unexpected<Error>(Error(code, std::move(message)));
}
inline tl::unexpected<Error> fail(Error error) { return tl::unexpected<Error>(std::move(error)); }

}  // namespace headwise
