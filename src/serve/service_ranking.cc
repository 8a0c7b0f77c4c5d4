// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// How the service ranks: a request's way through the queue, and the thread that runs the engine.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <future>
#include <memory>
#include <utility>

#include "base/stopwatch.h"
#include "rerank/answer.h"
#include "serve/dialects.h"
#include "serve/json.h"
#include "serve/service.h"
#include "serve/socket.h"
#include "serve/token_estimate.h"

namespace headwise::serve {
namespace {

constexpr int kClientGone = 499;  // nginx's number, for log and metrics alone: nobody reads the answer

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

  RerankRequest request;
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

bool relevance_is_known(const RerankAnswer& answer) {
  return std::all_of(answer.queries.begin(), answer.queries.end(), [](const QueryAnswer& query) {
    return std::all_of(query.results.begin(), query.results.end(),
                       [](const ScoredPassage& hit) { return hit.empty || hit.relevance.has_value(); });
  });
}

// What is usual is relevance where the heads that were read have a fit of it; who asks for it and cannot have
// it is told.
Status settle_score(const Dialect& dialect, const RerankAnswer& answer, RerankRequest& request) {
  const bool known = relevance_is_known(answer);
  if (!request.score) {
    request.score =
        dialect.usual_score == ScoreKind::kRelevance && !known ? ScoreKind::kRaw : dialect.usual_score;
  }
  if (*request.score == ScoreKind::kRelevance && !known) {
    return fail(
        ErrorCode::kInvalidInput,
        "relevance is not known: the heads that were read have no fit of it; ask for raw, softmax or minmax");
  }
  const Status least = check_min_score(request.min_score, *request.score);
  return least ? Status{} : fail(least.error().code(), in_words_of(dialect, least.error().message()));
}

std::string cut_message(const RerankAnswer& answer, const CutRefusal& refusal) {
  return std::to_string(answer.truncated_passages()) +
         " of the texts are longer than what is read of one (--max-words, --max-tokens and the request's own "
         "limit), and " +
         refusal.reason;
}

}  // namespace

int Service::seconds_to_wait() const {
  const double seconds = static_cast<double>(queue_.load().tokens) / tokens_per_second_;
  return static_cast<int>(std::clamp(std::ceil(seconds), 1.0, 120.0));
}

HttpResponse Service::answered(const Dialect& dialect, const RerankRequest& request,
                               const RerankAnswer& answer, const RequestTrace& trace) const {
  const AnswerContext context{.id = trace.id,
                              .model = engine_.card().id,
                              .created = std::chrono::duration_cast<std::chrono::seconds>(
                                             std::chrono::system_clock::now().time_since_epoch())
                                             .count()};
  HttpResponse response;
  response.body = json_text(dialect.render(request, answer, context));
  response.headers.emplace_back("X-Score-Scale",
                                std::string(to_string(request.score.value_or(ScoreKind::kRaw))));
  // Beside the body, because some dialects have no place for it.
  response.headers.emplace_back("X-Truncated-Documents", std::to_string(answer.truncated_passages()));
  return response;
}

HttpResponse Service::rank(const HttpRequest& request, RequestTrace& trace) {
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
  if (!wanted->score) wanted->score = options_.score;
  if (!wanted->min_score) wanted->min_score = options_.min_score;
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
    if (query.passages.empty()) {
      if (!wanted->score) wanted->score = dialect->usual_score;
      return answered(*dialect, *wanted, {.queries = {QueryAnswer{}}}, trace);
    }
  }
  for (const RerankQuery& query : wanted->queries) trace.documents += query.passages.size();
  const int64_t tokens = estimated_tokens(*wanted, options_.engine, engine_.card().context);
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
    return failed(dialect, failure_of(answer.error()), in_words_of(*dialect, answer.error().to_string()),
                  trace);
  }
  if (const Status settled = settle_score(*dialect, *answer, job->request); !settled)
    return failed(dialect, Failure::kInvalidRequest, settled.error().message(), trace);
  if (const auto& refusal = job->request.refuses_cut; refusal && answer->truncated_passages() > 0) {
    return failed(dialect, refusal->failure, cut_message(*answer, *refusal), trace);
  }
  trace.queue_seconds = answer->queue_seconds;
  trace.tokens = answer->prompt_tokens();
  trace.tokens_run = answer->tokens_run();
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
      if (!answer && answer.error().code() == ErrorCode::kDeviceLost) device_lost_ = true;
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
        metrics_.tokens_run.observe(static_cast<double>(answer->tokens_run()));
        const double seconds = std::max(seconds_since(start), 1e-6);
        const double rate = static_cast<double>(job.tokens()) / seconds;
        tokens_per_second_ = 0.8 * tokens_per_second_ + 0.2 * rate;
      }
      queue_.done(job);
      job.answer.set_value(std::move(answer));
    }
  }
}

}  // namespace headwise::serve
