// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "serve/service.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <ctime>
#include <future>
#include <random>
#include <utility>

#include "base/check.h"
#include "serve/socket.h"

namespace headwise::serve {
namespace {

constexpr int kClientGone = 499;  // nginx's number, for log and metrics alone: nobody reads the answer

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// A client's own id where it is harmless, a new one otherwise.
std::string request_id(const HttpRequest& head) {
  const std::string_view given = head.header("x-request-id");
  const auto harmless = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  };
  if (!given.empty() && given.size() <= 64 && std::all_of(given.begin(), given.end(), harmless)) {
    return std::string(given);
  }
  static std::atomic<uint64_t> next{(uint64_t{std::random_device{}()} << 32) | std::random_device{}()};
  // splitmix64 (Steele et al. 2014): consecutive numbers become ids that look nothing like each other.
  uint64_t z = next += 0x9E3779B97F4A7C15ULL;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  z ^= z >> 31;
  std::array<char, 24> text{};
  std::snprintf(text.data(), text.size(), "%016llx", static_cast<unsigned long long>(z));
  return text.data();
}

// 2026-11-24T17:38:38.123Z
std::string time_text() {
  const auto now = std::chrono::system_clock::now();
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  const auto milliseconds =
      std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count() % 1000;
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  std::array<char, 64> text{};
  const size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  std::snprintf(text.data() + size, text.size() - size, ".%03dZ", static_cast<int>(milliseconds));
  return text.data();
}

const char* allowed_methods(std::string_view path) {
  return is_dialect_path(path) ? "POST, OPTIONS" : "GET, HEAD, OPTIONS";
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

// One request on its way through the queue. The connection's thread waits for `answer`, so the link to the
// client lives as long as anybody asks it.
class RankingJob : public Job {
 public:
  RankingJob(RerankRequest wanted, const ClientLink* client, int64_t tokens)
      : request(std::move(wanted)), client_(client), tokens_(tokens) {
    for (const auto& [name, value] : request.settings) group_ += name + "=" + value + "\n";
  }
  int64_t tokens() const override { return tokens_; }
  const std::string& group() const override { return group_; }
  bool abandoned() const override { return client_ != nullptr && client_->gone(); }
  void drop() override { answer.set_value(fail(ErrorCode::kCancelled, "the request was dropped")); }

  const RerankRequest request;
  const Clock::time_point arrived = Clock::now();
  std::promise<Result<RerankAnswer>> answer;

 private:
  const ClientLink* client_;
  int64_t tokens_;
  std::string group_;
};

class JobProgress : public ProgressSink {
 public:
  JobProgress(const Job& job, const std::atomic<bool>& aborting) : job_(job), aborting_(aborting) {}
  void advance(std::string_view, int64_t, int64_t) override {}
  bool stop_requested() const override { return aborting_ || job_.abandoned(); }

 private:
  const Job& job_;
  const std::atomic<bool>& aborting_;
};

}  // namespace

struct Service::Trace {
  std::string id;
  Clock::time_point start = Clock::now();
  const char* dialect = nullptr;
  size_t documents = 0;
  const RerankAnswer* answer = nullptr;
  std::string error;
  // Kept here for the log after the answer itself is gone.
  double queue_seconds = -1.0;
  int64_t tokens = 0;
};

Service::Service(RankingEngine& engine, ServiceOptions options)
    : engine_(engine),
      options_(std::move(options)),
      queue_(options_.queue),
      started_(std::chrono::system_clock::now()) {
  routes_.push_back({"GET", "/health", true, [this](const HttpRequest&, Trace&) { return health(); }});
  routes_.push_back({"GET", "/v1/models", false, [this](const HttpRequest&, Trace&) { return models(); }});
  routes_.push_back({"GET", "/metrics", false, [this](const HttpRequest&, Trace&) { return metrics(); }});
  std::vector<std::string> paths;
  for (const Dialect& dialect : dialects()) {
    for (const char* path : dialect.paths) {
      if (std::find(paths.begin(), paths.end(), path) != paths.end()) continue;
      paths.emplace_back(path);
      routes_.push_back({"POST", path, false,
                         [this](const HttpRequest& request, Trace& trace) { return rank(request, trace); }});
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
  std::string scheme(given.substr(0, kBearer.size()));
  std::transform(scheme.begin(), scheme.end(), scheme.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  if (scheme != "bearer ") return false;
  return equal_in_constant_time(given.substr(kBearer.size()), options_.api_key);
}

HttpResponse Service::failed(const Dialect* dialect, Failure failure, const std::string& message,
                             Trace& trace) const {
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
  Trace trace;
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
    response = failed(nullptr, Failure::kNotFound, "there is nothing here; see /docs", trace);
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
  Trace trace;
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
  Trace trace;
  trace.id = request_id(head);
  HttpResponse response = failed(nullptr, failure_of_status(status), message, trace);
  response.status = status;
  return finish(head, std::move(response), trace);
}

HttpResponse Service::finish(const HttpRequest& request, HttpResponse response, const Trace& trace) {
  response.headers.emplace_back("X-Request-Id", trace.id);
  response.headers.emplace_back("X-Content-Type-Options", "nosniff");
  if (!options_.cors.empty()) {
    response.headers.emplace_back("Access-Control-Allow-Origin", options_.cors);
    response.headers.emplace_back("Access-Control-Expose-Headers", "X-Request-Id, Retry-After");
    if (options_.cors != "*") response.headers.emplace_back("Vary", "Origin");
    if (request.method == "OPTIONS") {
      response.headers.emplace_back("Access-Control-Allow-Methods", "GET, POST, OPTIONS");
      response.headers.emplace_back("Access-Control-Allow-Headers",
                                    "Authorization, Content-Type, X-Request-Id, X-Client-Name");
      response.headers.emplace_back("Access-Control-Max-Age", "600");
    }
  }
  const double seconds = seconds_since(trace.start);
  const std::string dialect = trace.dialect != nullptr ? trace.dialect : "none";
  metrics_.requests.add("dialect=\"" + dialect + "\",status=\"" + std::to_string(response.status) + "\"");
  if (trace.dialect != nullptr) metrics_.request_seconds.observe(seconds);
  if (options_.log) {
    Json line;
    line["time"] = time_text();
    line["id"] = trace.id;
    line["remote"] = request.remote;
    line["method"] = request.method;
    line["path"] = request.path;
    line["status"] = response.status;
    line["seconds"] = std::round(seconds * 1e6) / 1e6;
    if (trace.dialect != nullptr) line["dialect"] = trace.dialect;
    if (trace.documents > 0) line["documents"] = trace.documents;
    if (trace.queue_seconds >= 0.0) line["queue_seconds"] = std::round(trace.queue_seconds * 1e6) / 1e6;
    if (trace.tokens > 0) line["tokens"] = trace.tokens;
    if (!trace.error.empty()) line["error"] = trace.error;
    options_.log(json_text(line));
  }
  return response;
}

int64_t Service::estimated_tokens(const RerankRequest& request) const {
  // Four bytes a token is what English text takes; a word has seldom more than eight.
  constexpr size_t kBytesPerToken = 4, kBytesPerWord = 8, kFraming = 4;
  const size_t most =
      options_.max_words > 0 ? static_cast<size_t>(options_.max_words) * kBytesPerWord : std::string::npos;
  size_t tokens = 0;
  for (const RerankQuery& query : request.queries) {
    tokens += 2 * query.text.size() / kBytesPerToken + 8 * kFraming;  // the content-free query beside it
    for (const Passage& passage : query.passages) {
      tokens += std::min(passage.title.size() + passage.text.size(), most) / kBytesPerToken + kFraming;
    }
  }
  return static_cast<int64_t>(tokens);
}

int Service::seconds_to_wait() const {
  const double seconds = static_cast<double>(queue_.load().tokens) / tokens_per_second_;
  return static_cast<int>(std::clamp(std::ceil(seconds), 1.0, 120.0));
}

HttpResponse Service::answered(const Dialect& dialect, const RerankRequest& request,
                               const RerankAnswer& answer, const Trace& trace) const {
  const AnswerContext context{.id = trace.id,
                              .model = engine_.card().id,
                              .created = std::chrono::duration_cast<std::chrono::seconds>(
                                             std::chrono::system_clock::now().time_since_epoch())
                                             .count()};
  HttpResponse response;
  response.body = json_text(dialect.render(request, answer, context));
  response.headers.emplace_back("X-Score-Scale", scale_name(request.scale));
  return response;
}

HttpResponse Service::rank(const HttpRequest& request, Trace& trace) {
  struct InFlight {
    std::atomic<int64_t>& count;
    explicit InFlight(std::atomic<int64_t>& counted) : count(counted) { ++count; }
    ~InFlight() { --count; }
  } in_flight(in_flight_);
  if (draining_) return failed(nullptr, Failure::kShuttingDown, "the server is shutting down", trace);
  trace.dialect = "unknown";
  auto body = parse_body(request.body);
  if (!body) return failed(nullptr, Failure::kInvalidRequest, body.error().message(), trace);
  const Dialect* dialect = find_dialect(request.path, *body);
  trace.dialect = dialect->name;
  auto wanted = dialect->parse(*body, options_.limits);
  if (!wanted) {
    const bool many = wanted.error().code() == ErrorCode::kResourceLimit;
    return failed(dialect, many ? Failure::kTooManyDocuments : Failure::kInvalidRequest,
                  wanted.error().message(), trace);
  }
  *body = nullptr;  // the texts are in `wanted` now
  if (wanted->search_depth > 0) {
    if (engine_.card().corpus_documents == 0) {
      return failed(dialect, Failure::kNotFound,
                    "this server has nothing to search: it was started without --corpus", trace);
    }
    RerankQuery& query = wanted->queries.front();
    auto found = engine_.find(query.text, wanted->search_depth);
    if (!found) return failed(dialect, failure_of(found.error()), found.error().to_string(), trace);
    query.passages = std::move(*found);
    // Nothing to order.
    if (query.passages.empty()) return answered(*dialect, *wanted, {.queries = {QueryAnswer{}}}, trace);
  }
  for (const RerankQuery& query : wanted->queries) trace.documents += query.passages.size();
  const int64_t tokens = estimated_tokens(*wanted);
  auto job = std::make_shared<RankingJob>(std::move(*wanted), request.client, tokens);
  auto waited = job->answer.get_future();
  switch (queue_.put(job)) {
    case JobQueue::Admission::kTaken:
      break;
    case JobQueue::Admission::kClosed:
      return failed(dialect, Failure::kShuttingDown, "the server is shutting down", trace);
    case JobQueue::Admission::kFull:
      return failed(dialect, Failure::kOverloaded,
                    "the queue is full: " + std::to_string(options_.queue.requests) +
                        " requests (--max-queue) or " + std::to_string(options_.queue.tokens) +
                        " tokens (--max-queue-tokens); try again later",
                    trace);
  }
  const Result<RerankAnswer> answer = waited.get();
  if (!answer) {
    if (answer.error().code() == ErrorCode::kCancelled && job->abandoned()) {
      metrics_.abandoned.add();
      HttpResponse gone = failed(dialect, Failure::kServer, "the client went away", trace);
      gone.status = kClientGone;
      return gone;
    }
    return failed(dialect, failure_of(answer.error()), answer.error().to_string(), trace);
  }
  trace.queue_seconds = answer->queue_seconds;
  trace.tokens = answer->prompt_tokens();
  metrics_.documents.add("", static_cast<double>(trace.documents));
  return answered(*dialect, job->request, *answer, trace);
}

void Service::run_engine() {
  for (;;) {
    const std::vector<std::shared_ptr<Job>> batch = queue_.next_batch();
    if (batch.empty()) return;
    metrics_.batch_requests.observe(static_cast<double>(batch.size()));
    for (const std::shared_ptr<Job>& waiting : batch) {
      auto& job = static_cast<RankingJob&>(*waiting);
      const double queued = seconds_since(job.arrived);
      const Clock::time_point start = Clock::now();
      Result<RerankAnswer> answer = fail(ErrorCode::kCancelled, "the client went away");
      JobProgress progress(job, aborting_);
      if (!progress.stop_requested()) {
        try {
          answer = engine_.answer(job.request, progress);
        } catch (const std::bad_alloc&) {
          answer = fail(ErrorCode::kResourceLimit, "memory ran out; pass fewer or shorter documents");
        } catch (const std::exception& problem) {
          answer = fail(ErrorCode::kInternal, std::string("internal error: ") + problem.what());
        }
      }
      metrics_.queue_seconds.observe(queued);
      if (answer) {
        answer->queue_seconds = queued;
        double tokenize = 0.0, inference = 0.0;
        for (const QueryAnswer& query : answer->queries) {
          tokenize += query.statistics.tokenize_seconds;
          inference += query.statistics.prefill_seconds + query.statistics.read_seconds;
        }
        metrics_.tokenize_seconds.observe(tokenize);
        metrics_.inference_seconds.observe(inference);
        metrics_.prompt_tokens.observe(static_cast<double>(answer->prompt_tokens()));
        const double seconds = std::max(seconds_since(start), 1e-6);
        const double rate = static_cast<double>(job.tokens()) / seconds;
        tokens_per_second_ = 0.8 * tokens_per_second_ + 0.2 * rate;
      }
      queue_.done(job);
      job.answer.set_value(std::move(answer));
    }
  }
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
