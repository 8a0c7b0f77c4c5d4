// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the service itself: which path does what, who may ask, and the way of a ranking request:
//
//   body -> dialect -> RerankRequest -> queue -> engine -> RerankAnswer -> dialect -> body
//
// Connections' threads do everything but the engine's part, which has a thread of its own.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "headwise/engine.h"
#include "serve/dialects.h"
#include "serve/errors.h"
#include "serve/job_queue.h"
#include "serve/metrics.h"
#include "serve/ranking_engine.h"
#include "serve/request_trace.h"
#include "serve/transport.h"

namespace headwise::serve {

struct ServiceOptions {
  std::string version;
  std::string api_key;  // empty: everybody may ask
  std::string cors;     // the one origin that pages may come from, "*" for all; empty: none
  // Where a request does not say; nothing: what the dialect's clients expect.
  std::optional<ScoreKind> score;
  std::optional<double> min_score;
  EngineSettings engine;  // for the estimate of a request's tokens: what is read of a passage
  RequestLimits limits;
  QueueLimits queue;
  std::function<void(const std::string& line)> log;  // one JSON line a request; may be empty
  std::function<size_t()> connections;               // for the metrics; may be empty
};

class Service : public HttpHandler {
 public:
  // The engine must outlive the service. Starts the engine's thread.
  Service(RankingEngine& engine, ServiceOptions options);
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;
  ~Service() override;

  std::optional<HttpResponse> admit(const HttpRequest& head) override;
  HttpResponse handle(const HttpRequest& request) override;
  HttpResponse refuse(const HttpRequest& head, int status, const std::string& message) override;

  // From now on ranking requests get 503; returns when those that were taken are answered, or after
  // `patience`, when what waits is dropped and what runs is stopped.
  void drain(std::chrono::milliseconds patience);

 private:
  struct Route {
    const char* method;
    std::string path;
    bool open;  // needs no key
    std::function<HttpResponse(const HttpRequest&, RequestTrace&)> answer;
  };

  const Route* find_route(const HttpRequest& head, bool& path_known) const;
  bool key_is_right(const HttpRequest& head) const;
  HttpResponse failed(const Dialect* dialect, Failure failure, const std::string& message,
                      RequestTrace& trace) const;
  // Common headers, log line, metrics.
  HttpResponse finish(const HttpRequest& request, HttpResponse response, const RequestTrace& trace);

  HttpResponse rank(const HttpRequest& request, RequestTrace& trace);
  HttpResponse answered(const Dialect& dialect, const RerankRequest& request, const RerankAnswer& answer,
                        const RequestTrace& trace) const;
  HttpResponse health();
  HttpResponse models();
  HttpResponse metrics();
  void add_page_routes();

  void run_engine();
  int seconds_to_wait() const;

  RankingEngine& engine_;
  const ServiceOptions options_;
  std::vector<Route> routes_;
  JobQueue queue_;
  Metrics metrics_;
  std::atomic<bool> draining_{false};
  std::atomic<bool> device_lost_{false};  // for good: health() says it, so that whoever watches starts anew
  std::atomic<bool> aborting_{false};
  std::atomic<double> tokens_per_second_{1000.0};
  std::atomic<int64_t> in_flight_{0};  // ranking requests between their arrival and their answer
  const std::chrono::system_clock::time_point started_;
  std::thread runner_;
};

}  // namespace headwise::serve
