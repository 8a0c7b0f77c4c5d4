// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "serve/service.h"

#include <algorithm>
#include <utility>

#include "base/ascii.h"
#include "base/check.h"
#include "base/shown_text.h"
#include "base/stopwatch.h"
#include "serve/socket.h"

namespace headwise::serve {
namespace {

const char* allowed_methods(std::string_view path) {
  return is_dialect_path(path) ? "POST, OPTIONS" : "GET, HEAD, OPTIONS";
}

// What a page may read of an answer beside what browsers show of any: all that we say in headers.
constexpr const char* kExposed =
    "Allow, Retry-After, WWW-Authenticate, X-Request-Id, X-Score-Scale, X-Truncated-Documents";

// What the page's client means to send: clients name themselves in headers of their own, and none of them
// does anything here but those of the list.
std::string allowed_headers(const HttpRequest& preflight) {
  constexpr size_t kLongest = 1024;
  const std::string_view wanted = preflight.header("access-control-request-headers");
  const bool names =
      !wanted.empty() && wanted.size() <= kLongest && std::all_of(wanted.begin(), wanted.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               std::string_view("-_, ").find(c) != std::string_view::npos;
      });
  return names ? std::string(wanted) : "Authorization, Content-Type, X-Request-Id, X-Client-Name";
}

// Clients put their own path behind the address that they are given: "/v1/v2/rerank".
std::string unknown_path(const std::string& path) {
  const std::string_view meant = dialect_path_at_end_of(path);
  return "there is nothing at " + without_controls(path) +
         (meant.empty() ? "" : "; did you mean " + std::string(meant) + "?") + "; see /docs";
}

// Takes as long for a wrong key as for the right one, whatever they share.
bool equal_in_constant_time(std::string_view a, std::string_view b) {
  unsigned difference = a.size() == b.size() ? 0U : 1U;
  for (size_t i = 0; i < a.size(); ++i) {
    difference |=
        static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[b.empty() ? 0 : i % b.size()]);
  }
  return difference == 0;
}

}  // namespace

Service::Service(RankingEngine& engine, ServiceOptions options)
    : engine_(engine),
      options_(std::move(options)),
      queue_(options_.queue),
      started_(std::chrono::system_clock::now()) {
  routes_.push_back({"GET", "/health", true, [this](const HttpRequest&, RequestTrace&) { return health(); }});
  routes_.push_back(
      {"GET", "/v1/models", false, [this](const HttpRequest&, RequestTrace&) { return models(); }});
  routes_.push_back(
      {"GET", "/metrics", false, [this](const HttpRequest&, RequestTrace&) { return metrics(); }});
  std::vector<std::string> paths;
  for (const Dialect& dialect : dialects()) {
    for (const char* path : dialect.paths) {
      if (std::find(paths.begin(), paths.end(), path) != paths.end()) continue;
      paths.emplace_back(path);
      routes_.push_back({"POST", path, false, [this](const HttpRequest& request, RequestTrace& trace) {
                           return rank(request, trace);
                         }});
    }
  }
  add_page_routes();
  runner_ = std::thread([this] { run_engine(); });
}

Service::~Service() {
  drain(std::chrono::milliseconds(0));
  runner_.join();
}

const Service::Route* Service::find_route(const HttpRequest& head, bool& path_known) const {
  path_known = false;
  const std::string_view method = head.method == "HEAD" ? std::string_view("GET") : head.method;
  for (const Route& route : routes_) {
    if (route.path != head.path) continue;
    path_known = true;
    if (route.method == method) return &route;
  }
  return nullptr;
}

bool Service::key_is_right(const HttpRequest& head) const {
  if (options_.api_key.empty()) return true;
  constexpr std::string_view kBearer = "Bearer ";
  std::string_view given = head.header("authorization");
  if (given.size() < kBearer.size()) return false;
  if (!same_but_for_case(given.substr(0, kBearer.size()), kBearer)) return false;
  return equal_in_constant_time(given.substr(kBearer.size()), options_.api_key);
}

HttpResponse Service::failed(const Dialect* dialect, Failure failure, const std::string& message,
                             RequestTrace& trace) const {
  trace.error = message;
  HttpResponse response;
  response.status = failure_row(failure).status;
  response.body = dialect != nullptr ? dialect->error(failure, message) : error_body(failure, message);
  if (failure == Failure::kAuthentication) response.headers.emplace_back("WWW-Authenticate", "Bearer");
  if (failure == Failure::kOverloaded || failure == Failure::kShuttingDown) {
    response.headers.emplace_back("Retry-After", std::to_string(seconds_to_wait()));
  }
  return response;
}

std::optional<HttpResponse> Service::admit(const HttpRequest& head) {
  RequestTrace trace;
  trace.id = request_id(head);
  bool path_known = false;
  const Route* route = find_route(head, path_known);
  HttpResponse response;
  if (path_known && head.method == "OPTIONS") return std::nullopt;
  if (route == nullptr && path_known) {
    const bool ranks = is_dialect_path(head.path);
    response = failed(nullptr, Failure::kMethodNotAllowed,
                      head.path + " takes " + (ranks ? "POST" : "GET") + ", not " + head.method, trace);
    response.headers.emplace_back("Allow", allowed_methods(head.path));
  } else if (route == nullptr) {
    response = failed(nullptr, Failure::kNotFound, unknown_path(head.path), trace);
  } else if (!route->open && !key_is_right(head)) {
    response = failed(nullptr, Failure::kAuthentication,
                      "the request needs the server's key: Authorization: Bearer KEY", trace);
  } else if (draining_ && is_dialect_path(head.path)) {
    response = failed(nullptr, Failure::kShuttingDown, "the server is shutting down", trace);
  } else {
    return std::nullopt;
  }
  return finish(head, std::move(response), trace);
}

HttpResponse Service::handle(const HttpRequest& request) {
  RequestTrace trace;
  trace.id = request_id(request);
  HttpResponse response;
  if (request.method == "OPTIONS") {
    response.status = 204;
    response.headers.emplace_back("Allow", allowed_methods(request.path));
    return finish(request, std::move(response), trace);
  }
  bool path_known = false;
  const Route* route = find_route(request, path_known);
  HW_CHECK(route != nullptr);  // admit() let it through
  return finish(request, route->answer(request, trace), trace);
}

HttpResponse Service::refuse(const HttpRequest& head, int status, const std::string& message) {
  RequestTrace trace;
  trace.id = request_id(head);
  HttpResponse response = failed(nullptr, failure_of_status(status), message, trace);
  response.status = status;
  return finish(head, std::move(response), trace);
}

HttpResponse Service::finish(const HttpRequest& request, HttpResponse response, const RequestTrace& trace) {
  response.headers.emplace_back("X-Request-Id", trace.id);
  response.headers.emplace_back("X-Content-Type-Options", "nosniff");
  if (!options_.cors.empty()) {
    response.headers.emplace_back("Access-Control-Allow-Origin", options_.cors);
    response.headers.emplace_back("Access-Control-Expose-Headers", kExposed);
    if (options_.cors != "*") response.headers.emplace_back("Vary", "Origin");
    if (request.method == "OPTIONS") {
      response.headers.emplace_back("Access-Control-Allow-Methods", "GET, POST, OPTIONS");
      response.headers.emplace_back("Access-Control-Allow-Headers", allowed_headers(request));
      response.headers.emplace_back("Access-Control-Max-Age", "600");
    }
  }
  const double seconds = seconds_since(trace.start);
  const std::string dialect = trace.dialect != nullptr ? trace.dialect : "none";
  metrics_.requests.add("dialect=\"" + dialect + "\",status=\"" + std::to_string(response.status) + "\"");
  if (trace.dialect != nullptr) metrics_.request_seconds.observe(seconds);
  if (options_.log) options_.log(log_line(trace, request, response.status, seconds));
  return response;
}

void Service::drain(std::chrono::milliseconds patience) {
  draining_ = true;
  queue_.close();
  const Clock::time_point until = Clock::now() + patience;
  constexpr std::chrono::milliseconds kLook{5};
  while (in_flight_ > 0 && Clock::now() < until) std::this_thread::sleep_for(kLook);
  aborting_ = true;
  queue_.clear();
  // What runs stops at the next layer.
  while (in_flight_ > 0) std::this_thread::sleep_for(kLook);
}

}  // namespace headwise::serve
