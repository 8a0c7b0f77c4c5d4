// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "serve/errors.h"

#include <array>

#include "serve/json.h"

namespace headwise::serve {
namespace {

constexpr std::array<FailureRow, 12> kRows{{
    {Failure::kInvalidRequest, 400, "invalid_request_error", "Validation"},
    {Failure::kAuthentication, 401, "authentication_error", "Unauthorized"},
    {Failure::kNotFound, 404, "not_found_error", "NotFound"},
    {Failure::kMethodNotAllowed, 405, "invalid_request_error", "Validation"},
    {Failure::kTimeout, 408, "invalid_request_error", "Validation"},
    {Failure::kBodyTooLarge, 413, "invalid_request_error", "Validation"},
    {Failure::kTooManyDocuments, 413, "invalid_request_error", "Validation"},
    {Failure::kContextExceeded, 413, "exceed_context_size_error", "Validation"},
    {Failure::kHeadTooLarge, 414, "invalid_request_error", "Validation"},
    {Failure::kOverloaded, 429, "overloaded_error", "Overloaded"},
    {Failure::kServer, 500, "server_error", "Backend"},
    {Failure::kShuttingDown, 503, "overloaded_error", "Unhealthy"},
}};

Json error_json(Failure failure, std::string_view message) {
  const FailureRow& row = failure_row(failure);
  Json json;
  json["message"] = message;
  json["error"] = {{"code", row.status}, {"message", message}, {"type", row.type}};
  return json;
}

}  // namespace

const FailureRow& failure_row(Failure failure) {
  for (const FailureRow& row : kRows) {
    if (row.failure == failure) return row;
  }
  return kRows[static_cast<size_t>(Failure::kServer)];
}

Failure failure_of_status(int status) {
  for (const FailureRow& row : kRows) {
    if (row.status == status) return row.failure;
  }
  return status < 500 ? Failure::kInvalidRequest : Failure::kServer;
}

Failure failure_of(const Error& error) {
  switch (error.code()) {
    case ErrorCode::kUsage:
    case ErrorCode::kInvalidInput:
    case ErrorCode::kNotFound:  // a head set or a template that the request names
    case ErrorCode::kUnsupported:
      return Failure::kInvalidRequest;
    case ErrorCode::kResourceLimit:
      return Failure::kContextExceeded;
    case ErrorCode::kCancelled:
      return Failure::kShuttingDown;
    case ErrorCode::kIo:
    case ErrorCode::kDeviceLost:
    case ErrorCode::kInternal:
      return Failure::kServer;
  }
  return Failure::kServer;
}

std::string error_body(Failure failure, std::string_view message) {
  return json_text(error_json(failure, message));
}

std::string voyage_error_body(Failure failure, std::string_view message) {
  Json json = error_json(failure, message);
  json["detail"] = message;
  return json_text(json);
}

std::string tei_error_body(Failure failure, std::string_view message) {
  Json json;
  json["error"] = message;
  json["error_type"] = failure_row(failure).tei_type;
  return json_text(json);
}

}  // namespace headwise::serve
