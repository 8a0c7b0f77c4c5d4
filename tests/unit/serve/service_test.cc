// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The service with an engine that scores by length and works as long as it is told to.
#include "serve/service.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>

namespace headwise::serve {
namespace {

constexpr size_t kLongest = 9;  // of a text that this engine reads whole

class LengthEngine : public RankingEngine {
 public:
  explicit LengthEngine(int64_t corpus_documents = 0) {
    card_.id = "length";
    card_.corpus_documents = corpus_documents;
  }
  const ModelCard& card() const override { return card_; }

  Result<std::vector<Passage>> find(std::string_view query, int depth) override {
    std::vector<Passage> found(query == "nothing" ? 0 : static_cast<size_t>(depth));
    for (size_t i = 0; i < found.size(); ++i)
      found[i] = {.id = "d" + std::to_string(i),
                  .title = {},
                  .text = std::string(i + 1, 'x'),
                  .first_stage_score = 9.0 - static_cast<double>(i)};
    return found;
  }

  Result<RerankAnswer> answer(const RerankRequest& request, ProgressSink& progress) override {
    ++started;
    while (held && !progress.stop_requested()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    if (progress.stop_requested()) return fail(ErrorCode::kCancelled, "stopped");
    if (request.queries.front().text == "throw") throw std::runtime_error("thrown");
    if (request.queries.front().text == "memory") throw std::bad_alloc();
    RerankAnswer answer;
    for (const RerankQuery& query : request.queries) {
      QueryAnswer one;
      for (size_t i = 0; i < query.passages.size(); ++i) {
        const size_t size = query.passages[i].text.size();
        one.results.push_back({.index = static_cast<int>(i), .score = static_cast<double>(size)});
        one.results.back().truncated = size > kLongest;
        if (query.text == "fitted") one.results.back().relevance = 1.0 - 1.0 / static_cast<double>(size + 1);
        one.statistics.truncated_passages += size > kLongest ? 1 : 0;
      }
      std::stable_sort(one.results.begin(), one.results.end(),
                       [](const auto& a, const auto& b) { return a.score > b.score; });
      one.statistics.prompt_tokens = 3;
      answer.queries.push_back(std::move(one));
    }
    return answer;
  }

  std::atomic<bool> held{false};
  std::atomic<int> started{0};

 private:
  ModelCard card_;
};

class TestLink : public ClientLink {
 public:
  bool gone() const override { return is_gone; }
  std::atomic<bool> is_gone{false};
};

HttpRequest post(const char* body, const char* path = "/v1/rerank") {
  HttpRequest request;
  request.method = "POST";
  request.path = path;
  request.body = body;
  return request;
}

constexpr const char* kGood = R"({"query": "q", "documents": ["a", "bbb", "cc"]})";

void wait_until(const std::function<bool()>& condition) {
  for (int i = 0; i < 20000 && !condition(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  ASSERT_TRUE(condition());
}

TEST(Service, Ranks) {
  LengthEngine engine;
  Service service(engine, {});
  const HttpResponse response = service.handle(post(kGood));
  EXPECT_EQ(response.status, 200);
  const auto body = parse_body(response.body);
  ASSERT_TRUE(body);
  EXPECT_EQ((*body)["results"][0]["index"], 1);
  EXPECT_EQ((*body)["model"], "length");
}

std::string header(const HttpResponse& response, std::string_view name) {
  for (const auto& [key, value] : response.headers) {
    if (key == name) return value;
  }
  return "none";
}

TEST(Service, SaysWhatWasCutAndRefusesWhereItMayNotBe) {
  LengthEngine engine;
  Service service(engine, {});
  constexpr const char* kLong = R"({"query": "q", "documents": ["a", "much too long", "also too long"]})";
  const HttpResponse cut = service.handle(post(kLong));
  EXPECT_EQ(cut.status, 200);
  EXPECT_EQ(header(cut, "X-Truncated-Documents"), "2");
  EXPECT_NE(cut.body.find(R"({"index":1,"relevance_score":13.0,"truncated":true})"), std::string::npos)
      << cut.body;
  EXPECT_NE(cut.body.find(R"("warnings":["not all was read of 2 documents)"), std::string::npos) << cut.body;
  EXPECT_EQ(header(service.handle(post(kGood)), "X-Truncated-Documents"), "0");
  const struct {
    const char* body;
    int status;
    const char* words;
  } rows[] = {
      {R"({"query": "q", "texts": ["much too long"], "truncate": false})", 413,
       R"("error_type":"Validation")"},
      {R"({"query": "q", "texts": ["much too long"], "truncation_direction": "left"})", 413, "is left"},
      {R"({"query": "q", "documents": ["much too long"], "truncation": false})", 400, R"("detail":)"},
      {R"({"query": "q", "texts": ["short"], "truncate": false})", 200, ""},
      {R"({"query": "q", "texts": ["much too long"], "truncate": true})", 200, ""},
  };
  for (const auto& row : rows) {
    const HttpResponse response = service.handle(post(row.body));
    EXPECT_EQ(response.status, row.status) << row.body;
    EXPECT_NE(response.body.find(row.words), std::string::npos) << response.body;
  }
}

TEST(Service, HasAScoreOfItsOwnThatRequestsMayChange) {
  LengthEngine engine;
  ServiceOptions options;
  options.score = ScoreKind::kMinmax;
  Service service(engine, std::move(options));
  EXPECT_EQ(header(service.handle(post(kGood)), "X-Score-Scale"), "minmax");
  EXPECT_EQ(
      header(service.handle(post(R"({"query": "q", "texts": ["a"], "raw_scores": true})")), "X-Score-Scale"),
      "raw");
  EXPECT_EQ(header(service.handle(post(R"({"query": "q", "documents": ["a"], "score_scale": "softmax"})")),
                   "X-Score-Scale"),
            "softmax");
}

TEST(Service, GivesOthersRelevanceWhereItIsKnown) {
  LengthEngine engine;
  Service service(engine, {});
  const struct {
    const char* path;
    const char* body;
    const char* kind;
  } rows[] = {
      {"/v2/rerank", R"({"query": "fitted", "documents": ["a", "bbb"]})", "relevance"},
      {"/v1/rerank", R"({"query": "fitted", "documents": ["a", "bbb"], "top_k": 1})", "relevance"},
      {"/rerank", R"({"query": "fitted", "texts": ["a", "bbb"]})", "relevance"},
      {"/rerank", R"({"query": "fitted", "texts": ["a", "bbb"], "raw_scores": true})", "raw"},
      {"/score", R"({"text_1": "fitted", "text_2": ["a", "bbb"]})", "relevance"},
      {"/v1/headwise/rerank", R"({"query": "fitted", "documents": ["a", "bbb"]})", "raw"},
      {"/v1/headwise/rerank", R"({"query": "fitted", "documents": ["a", "bbb"], "score": "relevance"})",
       "relevance"},
      {"/v1/rerank", R"({"query": "none", "documents": ["a", "bbb"]})", "raw"},
  };
  for (const auto& row : rows) {
    const HttpResponse response = service.handle(post(row.body, row.path));
    EXPECT_EQ(response.status, 200) << response.body;
    EXPECT_EQ(header(response, "X-Score-Scale"), row.kind) << row.path << row.body;
    const bool shown = response.body.find(R"(":0.75)") != std::string::npos;
    EXPECT_EQ(shown, std::string(row.kind) == "relevance") << response.body;
  }
  const HttpResponse unknown =
      service.handle(post(R"({"query": "none", "documents": ["a"], "score_scale": "relevance"})"));
  EXPECT_EQ(unknown.status, 400);
  EXPECT_NE(unknown.body.find("relevance is not known"), std::string::npos);
}

TEST(Service, LeavesOutWhatScoresLess) {
  LengthEngine engine;
  ServiceOptions options;
  options.min_score = 2.0;
  Service service(engine, std::move(options));
  const auto results = [&](const char* body, const char* path = "/v1/rerank") {
    const auto parsed = parse_body(service.handle(post(body, path)).body);
    return (*parsed)[parsed->contains("data") ? "data" : "results"].size();
  };
  EXPECT_EQ(results(kGood), 2U);
  EXPECT_EQ(results(R"({"query": "q", "documents": ["a", "bbb", "cc"], "min_score": 3})"), 1U);
  EXPECT_EQ(results(R"({"query": "q", "documents": ["a", "bbb", "cc"], "min_score": "4"})"), 0U);
  EXPECT_EQ(
      results(
          R"({"query": "q", "documents": ["a", "bbb", "cc"], "min_score": 0.5, "score_scale": "minmax"})"),
      2U);
  const auto refused = [&](const char* body, const char* path) {
    return service.handle(post(body, path)).body;
  };
  EXPECT_NE(refused(R"({"query": "q", "documents": ["a"], "min_score": 1.5, "score_scale": "softmax"})",
                    "/v1/rerank")
                .find(R"(\"min_score\": expected 1 or less with \"score_scale\" softmax)"),
            std::string::npos);
  EXPECT_NE(refused(R"({"query": "q", "documents": ["a"], "score": "minmax"})", "/v1/headwise/rerank")
                .find(R"(\"min_score\": expected 1 or less with \"score\" minmax)"),
            std::string::npos)
      << "the server's own";
  // Pairs are all answered.
  EXPECT_EQ(results(R"({"text_1": "q", "text_2": ["a", "bbb", "cc"]})", "/score"), 3U);
}

TEST(Service, TurnsWhatIsThrownIntoErrors) {
  LengthEngine engine;
  Service service(engine, {});
  EXPECT_EQ(service.handle(post(R"({"query": "throw", "documents": ["a"]})")).status, 500);
  EXPECT_EQ(service.handle(post(R"({"query": "memory", "documents": ["a"]})")).status, 413);
  EXPECT_EQ(service.handle(post(kGood)).status, 200);
}

TEST(Service, AnswersManyAtOnce) {
  LengthEngine engine;
  std::mutex mutex;
  size_t lines = 0;
  ServiceOptions options;
  options.log = [&](const std::string&) {
    const std::lock_guard lock(mutex);
    ++lines;
  };
  options.queue.requests = 1000;
  Service service(engine, std::move(options));
  std::vector<std::thread> clients;
  std::atomic<int> good{0};
  for (int t = 0; t < 8; ++t) {
    clients.emplace_back([&] {
      for (int i = 0; i < 50; ++i) {
        good += service.handle(post(kGood)).status == 200 ? 1 : 0;
        HttpRequest metrics;
        metrics.method = "GET";
        metrics.path = "/metrics";
        service.handle(metrics);
      }
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(good, 400);
  EXPECT_EQ(lines, 800U);
}

TEST(Service, RefusesWhenFullAndDropsWhoWentAway) {
  LengthEngine engine;
  ServiceOptions options;
  options.queue.requests = 1;
  Service service(engine, std::move(options));
  engine.held = true;
  TestLink running_client, waiting_client;
  HttpRequest running = post(kGood), waiting = post(kGood);
  running.client = &running_client;
  waiting.client = &waiting_client;
  int running_status = 0, waiting_status = 0;
  std::thread first([&] { running_status = service.handle(running).status; });
  wait_until([&] { return engine.started == 1; });
  std::thread second([&] { waiting_status = service.handle(waiting).status; });
  HttpRequest health;
  health.method = "GET";
  health.path = "/health";
  wait_until([&] { return service.handle(health).body.find("\"waiting\":1") != std::string::npos; });
  const HttpResponse refused = service.handle(post(kGood));
  EXPECT_EQ(refused.status, 429);
  waiting_client.is_gone = true;
  int third_status = 0;
  std::thread third([&] { third_status = service.handle(post(kGood)).status; });
  second.join();
  EXPECT_EQ(waiting_status, 499);
  running_client.is_gone = true;
  first.join();
  EXPECT_EQ(running_status, 499);
  engine.held = false;
  third.join();
  EXPECT_EQ(third_status, 200);
}

TEST(Service, DrainAnswersWhatItTookAndStopsWhatTakesTooLong) {
  LengthEngine engine;
  Service service(engine, {});
  engine.held = true;
  int running_status = 0, waiting_status = 0;
  std::thread first([&] { running_status = service.handle(post(kGood)).status; });
  wait_until([&] { return engine.started == 1; });
  std::thread second([&] { waiting_status = service.handle(post(kGood)).status; });
  std::thread drain([&] { service.drain(std::chrono::milliseconds(50)); });
  wait_until([&] { return service.admit(post(kGood)).has_value(); });
  EXPECT_EQ(service.admit(post(kGood))->status, 503);
  drain.join();
  first.join();
  second.join();
  EXPECT_EQ(running_status, 503);
  EXPECT_EQ(waiting_status, 503);
}

TEST(Service, AdmitsByPathMethodAndKey) {
  LengthEngine engine;
  ServiceOptions options;
  options.api_key = "key";
  Service service(engine, std::move(options));
  HttpRequest request = post(kGood);
  EXPECT_EQ(service.admit(request)->status, 401);
  request.headers["authorization"] = "bearer key";
  EXPECT_FALSE(service.admit(request));
  request.method = "GET";
  EXPECT_EQ(service.admit(request)->status, 405);
  request.path = "/nowhere";
  EXPECT_EQ(service.admit(request)->status, 404);
  request.path = "/health";
  request.headers.clear();
  EXPECT_FALSE(service.admit(request));
}

}  // namespace
}  // namespace headwise::serve
