// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the one table of what can go wrong for a client: a status, a type, and the two shapes in
// which it is said (docs/server.md#errors).
#pragma once

#include <string>
#include <string_view>

#include "headwise/error.h"

namespace headwise::serve {

enum class Failure {
  kInvalidRequest,    // a field is missing, empty, of the wrong type or out of range
  kAuthentication,    // --api-key is set, and the request has another or none
  kNotFound,          // no such path
  kMethodNotAllowed,  // the path has another method
  kTimeout,           // the request took too long to arrive
  kBodyTooLarge,      // --max-body
  kTooManyDocuments,  // --max-documents
  kContextExceeded,   // --max-prompt-tokens, or the model's context
  kHeadTooLarge,
  kOverloaded,    // --max-queue, --max-queue-tokens
  kServer,        // ours
  kShuttingDown,  // SIGTERM came
};

struct FailureRow {
  Failure failure;
  int status;
  const char* type;      // "invalid_request_error", ...
  const char* tei_type;  // "Validation", ...
};
const FailureRow& failure_row(Failure failure);
// The row of a status that the transport chose; kServer's for one the table has not.
Failure failure_of_status(int status);
// What an error of the library means to a client.
Failure failure_of(const Error& error);

// {"message": m, "error": {"code": status, "message": m, "type": t}}
std::string error_body(Failure failure, std::string_view message);
// The same with "detail" beside them, where Voyage's client looks for the message.
std::string voyage_error_body(Failure failure, std::string_view message);
// {"error": m, "error_type": t}, which clients of text-embeddings-inference read.
std::string tei_error_body(Failure failure, std::string_view message);

}  // namespace headwise::serve
